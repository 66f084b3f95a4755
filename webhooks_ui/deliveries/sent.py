"""What was sent, for comparing with what a receiver got."""

from sqlalchemy import select

from webhooks_ui.database import db
from webhooks_ui.deliveries.display import ATTEMPTS_SHOWN, request_body, request_headers
from webhooks_ui.models import Attempt, Delivery, Environment, Event, Webhook
from webhooks_ui.webhooks.signed_request import Given, Sent, ids_in


def sent_to(webhook: Webhook, given: Given) -> list[Sent]:
    """Return what the last attempts sent of the event that a receiver got, the newest first.

    The event is looked for by its ``webhook-id``. If the webhook never got that one, the id in the body counts.
    """
    ids = (id for id in ids_in(given) if "\0" not in id)  # PostgreSQL refuses it as a text
    return next((sent for id in ids if (sent := _sent(webhook, id))), [])


def _sent(webhook: Webhook, event_id: str) -> list[Sent]:
    query = (
        select(Attempt)
        .join(Delivery, Delivery.id == Attempt.delivery_id)
        .join(Event, Event.id == Delivery.event_id)
        .where(Event.public_id == event_id, Event.environment.in_(tuple(Environment)))  # a replay may come from another
        .where(Delivery.webhook_id == webhook.id)
        .order_by(Attempt.id.desc())
        .limit(ATTEMPTS_SHOWN)
    )
    return [_request(attempt) for attempt in db.session.scalars(query)]


def _request(attempt: Attempt) -> Sent:
    headers = request_headers(attempt.delivery, attempt)
    return Sent({name.lower(): value for name, value in headers.items()}, request_body(attempt.delivery, attempt))
