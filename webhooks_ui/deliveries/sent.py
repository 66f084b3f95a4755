"""What was sent, for comparing with what a receiver got."""

from sqlalchemy import select

from webhooks_ui.database import db
from webhooks_ui.deliveries.display import request_body
from webhooks_ui.models import Attempt, Delivery, Event, Webhook


def sent_to(webhook: Webhook, event_id: str) -> bytes | None:
    """Return what the last attempt of a delivery of this event to the webhook sent, if there was one.

    Args:
        event_id: the ``webhook-id``.
    """
    if "\0" in event_id:  # PostgreSQL refuses it as a text
        return None
    query = (
        select(Attempt)
        .join(Delivery, Delivery.id == Attempt.delivery_id)
        .join(Event, Event.id == Delivery.event_id)
        .where(Event.public_id == event_id, Event.environment == webhook.environment, Delivery.webhook_id == webhook.id)
        .order_by(Attempt.id.desc())
    )
    attempt = db.session.scalar(query.limit(1))
    return request_body(attempt.delivery, attempt) if attempt else None
