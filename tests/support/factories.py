"""Functions that make and commit rows with realistic defaults."""

from datetime import timedelta
from functools import cache
from secrets import token_hex
from typing import Any, TypeVar

from cryptography.fernet import Fernet

from jobs.publish import publish
from webhooks_ui import __version__
from webhooks_ui.database import db
from webhooks_ui.events.new_event import NewEvent
from webhooks_ui.models import (
    ApiKey,
    Delivery,
    DeliveryStatus,
    Event,
    Process,
    Scope,
    User,
    Webhook,
    secret_box,
    utcnow,
)

Row = TypeVar("Row")


def make_user(
    email: str = "admin@example.com", role: str = "admin", password: str = "correct horse battery", **fields: Any
) -> User:
    """Make a user who has joined. ``fields`` set further columns."""
    values = {"email": email, "role": role, "joined_at": utcnow(), "password_hash": _hash(password)}
    return _commit(User(**values | fields))


@cache
def _hash(password: str) -> str:
    """Return the hash that the product makes of a password. Making one is slow on purpose."""
    user = User()
    user.set_password(password)
    return user.password_hash or ""


def make_webhook(**fields: Any) -> Webhook:
    """Make an active production webhook for ``license.activated``, unless ``fields`` say otherwise."""
    values = {
        "name": "Orders",
        "url": "https://example.com/webhooks",
        "environment": "production",
        "active": True,
        "secret": secret_box.generate(),
        "event_types": ["license.activated"],
    } | fields
    return _commit(Webhook(**values))


def lost_secret() -> str:
    """Return an encrypted secret whose key nobody has."""
    return Fernet(Fernet.generate_key()).encrypt(secret_box.generate().encode()).decode()


def make_unreadable_webhook(**fields: Any) -> Webhook:
    """Make a webhook whose secret can't be decrypted. It isn't marked yet."""
    webhook = make_webhook(**fields)
    webhook.secret_encrypted = lost_secret()
    return _commit(webhook)


def older_secret(left: timedelta, secret: str = "") -> dict[str, str]:
    """Return a secret that signs for that long, as ``Webhook.older_secrets`` holds it."""
    encrypted = secret_box.encrypt(secret or secret_box.generate())
    return {"id": token_hex(4), "secret_encrypted": encrypted, "expires_at": (utcnow() + left).isoformat()}


def make_api_key(name: str = "Platform", environment: str = "production", **fields: Any) -> tuple[ApiKey, str]:
    """Make a key that may do everything, unless ``fields`` say otherwise. Return the key and its text."""
    key, text = ApiKey.make(name, environment, **{"scopes": tuple(Scope)} | fields)
    return _commit(key), text


def make_event(type: str = "license.activated", environment: str = "production", **fields: Any) -> Event:
    """Publish an event to the webhooks that exist. Return it."""
    data = fields.pop("data", {"id": "6f1c2b9e-0000-4000-8000-000000000001", "status": "active"})
    published = publish(environment, [NewEvent(type=type, data=data, **fields)])[0]
    db.session.rollback()
    query = db.select(Event).filter_by(environment=environment, public_id=published.id)
    event: Event = db.session.scalars(query).one()
    return event


def make_process(kind: str = "worker", **fields: Any) -> Process:
    """Make the row of a process that has just sent a heartbeat and done a part of its work."""
    now = utcnow()
    values = {"id": token_hex(4), "kind": kind, "host": "here.example.com", "pid": 4_711, "version": __version__}
    values |= {"started_at": now, "beat_at": now, "progressed_at": now, "in_flight": 0}
    return _commit(Process(**values | fields))


def make_delivery(webhook: Webhook | None = None, **fields: Any) -> Delivery:
    """Publish a new event and return its delivery to ``webhook`` (default: a new one). ``fields`` set its columns."""
    webhook = webhook or make_webhook()
    event = make_event(type=webhook.event_types[0], environment=webhook.environment)
    query = db.select(Delivery).filter_by(event_id=event.id, webhook_id=webhook.id)
    delivery: Delivery = db.session.scalars(query).one()
    if fields.get("status", DeliveryStatus.PENDING) != DeliveryStatus.PENDING:
        delivery.due_at = None
    for name, value in fields.items():
        setattr(delivery, name, value)
    return _commit(delivery)


def _commit(row: Row) -> Row:
    if not db.session.dirty:
        db.session.rollback()  # SQLite lets nobody write who has read before another connection wrote
    db.session.add(row)
    db.session.commit()
    return row
