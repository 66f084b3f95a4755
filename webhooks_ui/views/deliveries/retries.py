"""Retries: one more attempt of a delivery, now."""

from flask import Blueprint, Response, current_app, flash, make_response, redirect, render_template, request, url_for
from sqlalchemy import true
from werkzeug.exceptions import UnprocessableEntity
from werkzeug.wrappers import Response as BaseResponse

from webhooks_ui.database import writing
from webhooks_ui.database.redis import is_reachable
from webhooks_ui.deliveries import changes
from webhooks_ui.models import Delivery
from webhooks_ui.parsing import COUNT_MAX, parse_id
from webhooks_ui.views.deliveries.log import DELIVERY, context, load
from webhooks_ui.web.answers import wants_fragment

blueprint = Blueprint("retries", __name__, url_prefix="/admin/webhook-deliveries")


@blueprint.get(f"{DELIVERY}/retries")
def confirm(delivery_id: int) -> str:
    """Ask before a delivery is sent again that has arrived."""
    return render_template("deliveries/resend.html", **context(load(delivery_id)))


@blueprint.post(f"{DELIVERY}/retries")
def create(delivery_id: int) -> BaseResponse:
    load(delivery_id)
    # The number of attempts that the page showed, so that a second click isn't a second retry.
    text = request.form.get("attempts")
    seen = parse_id(text or "")
    if text is not None and seen is None:
        raise UnprocessableEntity(
            "The field attempts must be the number that the page shows. Reload the page and retry."
        )
    unchanged = true() if seen is None else Delivery.attempts_count == min(seen, COUNT_MAX)
    with writing():
        changed = changes.retry([delivery_id], unchanged)
    delivery = load(delivery_id)
    if not changed:
        return _answer(delivery, _why_not(delivery), "error")
    if is_reachable(current_app.extensions["redis"]):
        return _answer(delivery, "Queued for one more attempt.")
    return _answer(delivery, "Queued. It goes out when Redis is back.")


def _why_not(delivery: Delivery) -> str:
    if delivery.webhook.is_deleted:
        return "Not retried: its webhook was deleted."
    if delivery.is_left_behind:
        return (
            f"Not retried: its webhook gets events of {delivery.webhook.environment} now. You can send the event to it "
            "from the event's page."
        )
    if delivery.is_under_way:
        return "Not retried: an attempt is in progress. Wait for its result."
    return "Not retried: there was another attempt since you opened this page. The page now shows its result."


def _answer(delivery: Delivery, message: str, kind: str = "") -> BaseResponse:
    if not wants_fragment():
        flash(message, kind or "success")
        return redirect(url_for("deliveries.show", delivery_id=delivery.id), 303)
    in_list = request.headers.get("HX-Target") == f"delivery-{delivery.id}"
    template = "deliveries/_row.html" if in_list else "deliveries/_delivery.html"
    return _with_message(render_template(template, **context(delivery)), message, kind)


def _with_message(fragment: str, message: str, kind: str) -> Response:
    return make_response(fragment + render_template("deliveries/_message.html", message=message, kind=kind))
