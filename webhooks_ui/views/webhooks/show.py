"""One webhook: its health, recent deliveries, secret, and how to verify what it sends."""

from flask import request, session
from sqlalchemy import select
from werkzeug.wrappers import Response

from webhooks_ui import audit_view, verification, webhook_changes
from webhooks_ui.extensions import db
from webhooks_ui.htmx import render
from webhooks_ui.models import AuditEntry, Delivery, get_settings
from webhooks_ui.views.webhooks.blueprint import blueprint
from webhooks_ui.webhook_stats import RANGES, series

RECENT_DELIVERIES = 10
RECENT_CHANGES = 10


@blueprint.get("/<int:webhook_id>")
def show(webhook_id: int) -> Response:
    webhook = webhook_changes.get(webhook_id)
    deliveries = select(Delivery).filter_by(webhook_id=webhook_id).order_by(Delivery.id.desc())
    changes = select(AuditEntry).filter_by(object_type="webhook", object_id=webhook_id).order_by(AuditEntry.id.desc())
    chosen = request.args.get("range", "")
    chosen = chosen if chosen in RANGES else next(iter(RANGES))
    is_new = session.pop("secret_shown_once", None) == webhook_id
    return render(
        "webhooks/show.html",
        "webhooks/_charts.html",
        webhook=webhook,
        deliveries=db.session.scalars(deliveries.limit(RECENT_DELIVERIES)).all(),
        audit_view=audit_view,
        changes=db.session.scalars(changes.limit(RECENT_CHANGES)).all(),
        ranges=RANGES,
        chosen_range=chosen,
        series=series(webhook_id, RANGES[chosen]),
        snippets=verification.snippets(),
        outgoing_addresses=get_settings()["outgoing_addresses"],
        secret=webhook.secret if is_new else None,
        is_new=is_new,
    )
