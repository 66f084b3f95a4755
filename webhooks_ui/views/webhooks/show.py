"""The page of a webhook: health, recent deliveries, secret, and code that verifies deliveries."""

from typing import Any

from flask import request
from sqlalchemy import select
from werkzeug.wrappers import Response

from webhooks_ui.database import db
from webhooks_ui.deliveries import display
from webhooks_ui.deliveries.following import Seen
from webhooks_ui.deliveries.ids_by_time import highest_id
from webhooks_ui.models import AuditEntry, Delivery, get_settings
from webhooks_ui.views.audit_log import words
from webhooks_ui.views.webhooks import snippets
from webhooks_ui.views.webhooks.blueprint import blueprint
from webhooks_ui.views.webhooks.secret import is_shown_once
from webhooks_ui.web.answers import render
from webhooks_ui.webhooks import changes
from webhooks_ui.webhooks.first_steps import first_steps
from webhooks_ui.webhooks.stats import RANGES, last_day, series

RECENT_DELIVERIES = 10
RECENT_CHANGES = 10


@blueprint.get("/<int:webhook_id>")
def show(webhook_id: int) -> Response:
    webhook = changes.get(webhook_id)
    history = select(AuditEntry).filter_by(object_type="webhook", object_id=webhook_id).order_by(AuditEntry.id.desc())
    chosen = request.args.get("range", "")
    chosen = chosen if chosen in RANGES else next(iter(RANGES))
    is_new = is_shown_once(webhook)
    return render(
        "webhooks/show.html",
        "webhooks/_charts.html",
        webhook=webhook,
        **recent(webhook_id),
        audit_words=words,
        changes=db.session.scalars(history.limit(RECENT_CHANGES)).all(),
        ranges=RANGES,
        chosen_range=chosen,
        series=series(webhook_id, RANGES[chosen]),
        day=last_day([webhook_id])[webhook_id],
        snippets=snippets.snippets(),
        outgoing_addresses=get_settings()["outgoing_addresses"],
        secret=webhook.secret if is_new and webhook.is_readable else None,
        is_new=is_new,
        steps=first_steps(webhook),
    )


def recent(webhook_id: int) -> dict[str, Any]:
    """Return the last deliveries of a webhook with what their rows need, and what a live page says when it polls."""
    newest = highest_id(Delivery)  # asked for before the rows, so that none is missed
    query = select(Delivery).filter_by(webhook_id=webhook_id).order_by(Delivery.id.desc()).limit(RECENT_DELIVERIES)
    deliveries = db.session.scalars(query).all()
    shown = {"display": display, "settings": get_settings()}
    return {"deliveries": deliveries, "seen": Seen.of(deliveries, newest), **shown}
