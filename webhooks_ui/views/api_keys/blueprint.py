"""The blueprint that the files of this folder share, and how they find a key."""

from flask import Blueprint, abort

from webhooks_ui import api_keys
from webhooks_ui.models import ApiKey

blueprint = Blueprint("api_keys", __name__, url_prefix="/admin/api-keys")


def load(key_id: int, *, lock: bool = False) -> ApiKey:
    """Return the key.

    Raises:
        werkzeug.exceptions.NotFound: There is no such key.
    """
    return api_keys.get(key_id, lock=lock) or abort(404)
