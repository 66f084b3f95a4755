"""Makers of committed rows, with realistic defaults."""

from typing import Any

from jobs.publish import publish
from webhooks_ui.database import db
from webhooks_ui.events.new_event import NewEvent
from webhooks_ui.models import ApiKey, Delivery, Event, User, Webhook, secret_box


def make_user(email: str = "admin@example.com", role: str = "admin", password: str = "correct horse battery") -> User:
    user = User(email=email, role=role)
    user.set_password(password)
    return _commit(user)


def make_webhook(**fields: Any) -> Webhook:
    """An active production webhook for ``license.activated``, unless ``fields`` say otherwise."""
    values = {
        "name": "Orders",
        "url": "https://example.com/webhooks",
        "environment": "production",
        "active": True,
        "secret": secret_box.generate(),
        "event_types": ["license.activated"],
    } | fields
    return _commit(Webhook(**values))


def make_api_key(name: str = "Platform", environment: str = "production", **fields: Any) -> tuple[ApiKey, str]:
    """A key and its text."""
    key, text = ApiKey.make(name, environment, **fields)
    return _commit(key), text


def make_event(type: str = "license.activated", environment: str = "production", **fields: Any) -> Event:
    """A published event; its deliveries are those of the webhooks that exist."""
    data = fields.pop("data", {"id": "6f1c2b9e-0000-4000-8000-000000000001", "status": "active"})
    published = publish(environment, [NewEvent(type=type, data=data, **fields)])[0]
    db.session.rollback()
    return db.session.scalars(db.select(Event).filter_by(environment=environment, public_id=published.id)).one()


def make_delivery(webhook: Webhook | None = None, **fields: Any) -> Delivery:
    """A delivery of a new event to ``webhook`` (default: a new one); ``fields`` set its columns."""
    webhook = webhook or make_webhook()
    event = make_event(type=webhook.event_types[0], environment=webhook.environment)
    delivery = db.session.scalars(db.select(Delivery).filter_by(event_id=event.id, webhook_id=webhook.id)).one()
    for name, value in fields.items():
        setattr(delivery, name, value)
    return _commit(delivery)


def _commit(row: Any) -> Any:
    db.session.add(row)
    db.session.commit()
    return row
