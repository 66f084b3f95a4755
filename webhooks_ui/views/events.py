"""The page of an event: its payload once, all its deliveries, and all attempts in the order in which they were made."""

from typing import Any

from flask import Blueprint, Response, abort, flash, make_response, render_template, request, url_for
from sqlalchemy import select
from werkzeug.wrappers import Response as BaseResponse

from webhooks_ui.database import db, writing
from webhooks_ui.deliveries import changes
from webhooks_ui.deliveries.pages import LOADED
from webhooks_ui.models import Attempt, Delivery, Event, Webhook
from webhooks_ui.models.webhook import IS_LIVE
from webhooks_ui.parsing import parse_id
from webhooks_ui.web import form_tokens
from webhooks_ui.web.answers import go

blueprint = Blueprint("events", __name__, url_prefix="/admin/events")

DELIVERIES_MAX = 100
ATTEMPTS_MAX = 200
CHOICES_MAX = 500


@blueprint.get("/<int:event_id>")
def show(event_id: int) -> Response:
    return _page(_load(event_id))


@blueprint.post("/<int:event_id>/send")
def send(event_id: int) -> BaseResponse:
    """Send the event to a webhook that the person chose, whatever it is subscribed to."""
    event, id = _load(event_id), parse_id(request.form.get("webhook", ""))
    with writing():
        if address := form_tokens.begin():
            return go(address)
        webhook = db.session.scalar(select(Webhook).where(Webhook.id == (id or 0), IS_LIVE))
        if webhook is not None:
            address = url_for("deliveries.show", delivery_id=changes.replay(event, webhook))
            form_tokens.finish(address)
    if webhook is None:
        return _page(event, "Choose a webhook from the list.", 422)
    flash(f"The event is sent to {webhook.name}.")
    return go(address or url_for(".show", event_id=event_id))


def _load(event_id: int) -> Event:
    event: Event = db.session.get(Event, event_id) or abort(404)
    return event


def _page(event: Event, error: str = "", status: int = 200) -> Response:
    of_event = select(Delivery).options(*LOADED).where(Delivery.event_id == event.id)
    deliveries = db.session.scalars(of_event.order_by(Delivery.id).limit(DELIVERIES_MAX)).all()
    attempts = (
        select(Attempt)
        .where(Attempt.delivery_id.in_([delivery.id for delivery in deliveries]))
        .order_by(Attempt.started_at.desc(), Attempt.id.desc())
        .limit(ATTEMPTS_MAX)
    )
    choices = select(Webhook.id, Webhook.name, Webhook.environment).where(IS_LIVE).order_by(Webhook.name_key)
    context: dict[str, Any] = {
        "event": event,
        "deliveries": deliveries,
        "DELIVERIES_MAX": DELIVERIES_MAX,
        "of": {delivery.id: delivery for delivery in deliveries},
        "attempts": db.session.scalars(attempts).all(),
        "choices": db.session.execute(choices.limit(CHOICES_MAX)).all(),
        "error": error,
    }
    return make_response(render_template("events/show.html", **context), status)
