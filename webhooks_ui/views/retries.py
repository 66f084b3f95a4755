"""Retries: one more attempt of a delivery, now."""

from flask import Blueprint, Response, flash, make_response, redirect, render_template, request, url_for
from sqlalchemy import true
from werkzeug.wrappers import Response as BaseResponse

from jobs.resend import make_due
from jobs.wake import wake
from webhooks_ui import audit
from webhooks_ui.delivery_filters import parse_id
from webhooks_ui.extensions import db
from webhooks_ui.htmx import wants_fragment
from webhooks_ui.models import Delivery, utcnow
from webhooks_ui.views.deliveries import DELIVERY, context, load

blueprint = Blueprint("retries", __name__, url_prefix="/admin/webhook-deliveries")


@blueprint.post(f"{DELIVERY}/retries")
def create(delivery_id: int) -> BaseResponse:
    delivery = load(delivery_id)
    seen = parse_id(request.form.get("attempts", ""))  # what the page showed: a second click isn't a second retry
    unchanged = true() if seen is None else Delivery.attempts_count == seen
    changed = make_due(db.session.connection(), [delivery_id], utcnow(), unchanged)
    if changed:
        audit.record("delivery.retried", "delivery", delivery_id, delivery.event_type)
    db.session.commit()
    if not changed:
        return _answer(delivery, _why_not(delivery), "error")
    if wake():
        return _answer(delivery, "Queued for one more attempt.")
    return _answer(delivery, "Queued. It goes out when Redis is back.")


def _why_not(delivery: Delivery) -> str:
    if delivery.webhook.deleted_at:
        return "Not retried: its webhook was deleted."
    if delivery.is_under_way:
        return "Not retried: an attempt is under way."
    return "Not retried: there was another attempt since this page was opened. This is how it went."


def _answer(delivery: Delivery, message: str, kind: str = "") -> BaseResponse:
    if not wants_fragment():
        flash(message, kind or "success")
        return redirect(url_for("deliveries.show", delivery_id=delivery.id), 303)
    in_list = request.headers.get("HX-Target") == f"delivery-{delivery.id}"
    template = "deliveries/_row.html" if in_list else "deliveries/_delivery.html"
    return _with_message(render_template(template, **context(delivery)), message, kind)


def _with_message(fragment: str, message: str, kind: str) -> Response:
    return make_response(fragment + render_template("deliveries/_message.html", message=message, kind=kind))
