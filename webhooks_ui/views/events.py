"""The page of an event: its payload once, all its deliveries, and all attempts in the order in which they were made."""

from typing import Any

from flask import Blueprint, Response, abort, flash, make_response, render_template, request, url_for
from sqlalchemy import select
from werkzeug.wrappers import Response as BaseResponse

from webhooks_ui.database import db, writing
from webhooks_ui.deliveries import changes, rows
from webhooks_ui.models import Attempt, Delivery, Environment, Event, Webhook, get_settings
from webhooks_ui.models.webhook_state import IS_LIVE
from webhooks_ui.parsing import clean, parse_id
from webhooks_ui.web import form_tokens
from webhooks_ui.web.answers import go
from webhooks_ui.webhooks.search import text_matches

blueprint = Blueprint("events", __name__, url_prefix="/admin/events")

DELIVERIES_MAX = 100
ATTEMPTS_MAX = 200
CHOICES_MAX = 500
KEPT = {"read": True, "key_share": True}  # the lock of a row that other rows refer to


@blueprint.get("/<int:event_id>")
def show(event_id: int) -> Response:
    return _page(_load(event_id))


@blueprint.post("/<int:event_id>/send")
def send(event_id: int) -> BaseResponse:
    """Send the event to a webhook that the person chose, whatever it is subscribed to.

    A page asks first if the webhook is of another environment or inactive.
    """
    event, webhook = _load(event_id), _chosen()
    if webhook is not None and _is_unusual(event, webhook) and request.form.get("confirm") != "1":
        return make_response(render_template("events/confirm_send.html", event=event, webhook=webhook))
    with writing():
        if address := form_tokens.begin():
            return go(address)
        webhook, event = _chosen(lock=True), _load(event_id, lock=True)
        if webhook is not None:
            address = url_for("deliveries.show", delivery_id=changes.replay(event, webhook))
            form_tokens.finish(address)
    if webhook is None:
        return _page(event, "Choose a webhook from the list.", 422)
    flash(f"The event is sent to {webhook.name}.")
    return go(address or url_for(".show", event_id=event_id))


def _chosen(*, lock: bool = False) -> Webhook | None:
    """Return the webhook that the person chose. With ``lock``, it isn't deleted until the transaction ends."""
    query = select(Webhook).where(Webhook.id == (parse_id(request.form.get("webhook", "")) or 0), IS_LIVE)
    webhook: Webhook | None = db.session.scalar(query.with_for_update(key_share=True) if lock else query)
    return webhook


def _is_unusual(event: Event, webhook: Webhook) -> bool:
    """Return True if the event would never have gone to the webhook by itself, so that it may be a mistake."""
    return webhook.environment != event.environment or not webhook.active


def _choices(event: Event, text: str) -> tuple[dict[str, list[Any]], bool]:
    """Return the first webhooks by environment, that of the event first, and whether there are more.

    Args:
        text: a part of their names or URLs. Empty: all.
    """
    query = select(Webhook.id, Webhook.name, Webhook.environment, Webhook.active).where(IS_LIVE)
    if text:
        query = query.where(text_matches(text))
    found = db.session.execute(query.order_by(Webhook.name_key).limit(CHOICES_MAX + 1)).all()
    groups: dict[str, list[Any]] = {event.environment: []} | {environment: [] for environment in Environment}
    for choice in found[:CHOICES_MAX]:
        groups.setdefault(choice.environment, []).append(choice)
    return {environment: choices for environment, choices in groups.items() if choices}, len(found) > CHOICES_MAX


def _load(event_id: int, *, lock: bool = False) -> Event:
    """Return the event, or answer with 404. With ``lock``, it isn't purged until the transaction ends."""
    event: Event = db.session.get(Event, event_id, with_for_update=KEPT if lock else None) or abort(404)
    return event


def _page(event: Event, error: str = "", status: int = 200) -> Response:
    of_event = rows.select_rows().where(Delivery.event_id == event.id)
    deliveries = rows.read(of_event.order_by(Delivery.id).limit(DELIVERIES_MAX))
    attempts = (
        select(Attempt)
        .where(Attempt.delivery_id.in_([delivery.id for delivery in deliveries]))
        .order_by(Attempt.started_at.desc(), Attempt.id.desc())
        .limit(ATTEMPTS_MAX)
    )
    find = clean(request.args.get("find", ""))
    choices, is_cut = _choices(event, find)
    context: dict[str, Any] = {
        "event": event,
        "deliveries": deliveries,
        "DELIVERIES_MAX": DELIVERIES_MAX,
        "of": {delivery.id: delivery for delivery in deliveries},
        "attempts": db.session.scalars(attempts).all(),
        "settings": get_settings(),
        "find": find,
        "choices": choices,
        "is_cut": is_cut,
        "CHOICES_MAX": CHOICES_MAX,
        "error": error,
    }
    return make_response(render_template("events/show.html", **context), status)
