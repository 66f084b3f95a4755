"""One webhook: its health, recent deliveries, secret, and how to verify what it sends."""

from flask import render_template, session

from webhooks_ui import webhook_changes
from webhooks_ui.extensions import db
from webhooks_ui.models import Delivery
from webhooks_ui.views.webhooks.blueprint import blueprint

RECENT_DELIVERIES = 10


@blueprint.get("/<int:webhook_id>")
def show(webhook_id: int) -> str:
    webhook = webhook_changes.get(webhook_id)
    recent = db.session.scalars(
        db.select(Delivery)
        .where(Delivery.webhook_id == webhook_id)
        .order_by(Delivery.id.desc())
        .limit(RECENT_DELIVERIES)
    ).all()
    shown_once = session.get("secret_shown_once") == webhook_id
    session.pop("secret_shown_once", None)
    return render_template(
        "webhooks/show.html",
        webhook=webhook,
        deliveries=recent,
        secret=webhook.secret if shown_once else None,
        is_new=shown_once,
    )
