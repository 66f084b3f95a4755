"""The blueprint that the files of this folder share."""

from flask import Blueprint

blueprint = Blueprint("team", __name__, url_prefix="/admin/team")
