"""The webhook list."""

from flask import Blueprint, Response

from webhooks_ui.extensions import db
from webhooks_ui.htmx import render
from webhooks_ui.models import Webhook

blueprint = Blueprint("webhooks", __name__, url_prefix="/admin/webhooks")


@blueprint.get("")
def index() -> Response:
    webhooks = db.session.scalars(db.select(Webhook).where(Webhook.deleted_at.is_(None)).limit(25)).all()
    return render("webhooks/index.html", "webhooks/_list.html", webhooks=webhooks)
