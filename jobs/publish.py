"""Publish: store events and their deliveries in one transaction, then wake the workers."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select

from webhooks_ui import audit
from webhooks_ui.database import after_commit, db, dialect, write_transaction
from webhooks_ui.database.dialect import Dialect
from webhooks_ui.deliveries.changes import new_delivery
from webhooks_ui.events.new_event import NewEvent, new_event_id, render_body
from webhooks_ui.models import Delivery, DeliveryTrigger, Event, Subscription, Webhook, utcnow
from webhooks_ui.models.webhook import IS_ON
from webhooks_ui.wake import wake

LOOKUP_BATCH = 500  # ids in one IN (…)

# These statements are built once, because building a statement costs as much as running it.
_events, _webhooks, _subscriptions = Event.__table__, Webhook.__table__.c, Subscription.__table__.c
_SUBSCRIBERS = (
    select(_subscriptions.event_type, _webhooks.id)
    .join_from(Subscription.__table__, Webhook.__table__, _webhooks.id == _subscriptions.webhook_id)
    .where(
        _subscriptions.event_type.in_(bindparam("types", expanding=True)),
        _webhooks.environment == bindparam("environment"),
        IS_ON,
    )
)
_INSERTS: dict[Dialect, Any] = {}
_INSERT_DELIVERIES = insert(Delivery.__table__)


@dataclass(frozen=True)
class Published:
    """The answer to a publisher: the event's id, and how many webhooks it goes to."""

    id: str
    deliveries: int


def publish(environment: str, events: Sequence[NewEvent]) -> list[Published]:
    """Commit ``events`` and a pending delivery for each subscribed active webhook, all or nothing.

    Return the results in the order of ``events``. An event whose id already exists in ``environment`` is not
    stored again, and gets the result of the first one.
    """
    with write_transaction() as connection:
        results = _store(connection, environment, events)
    if any(result.deliveries for result in results):
        wake()
    return results


def _store(connection: Connection, environment: str, events: Sequence[NewEvent]) -> list[Published]:
    now = utcnow()
    ids = [event.id or new_event_id() for event in events]
    first = dict(reversed(list(zip(ids, events, strict=True))))  # of events with equal ids, the first one counts
    subscribers = _subscribers(connection, environment, {event.type for event in first.values()})
    rows = [
        _event_row(public_id, environment, event, now, len(subscribers[event.type]))
        for public_id, event in reversed(first.items())
    ]
    stored = connection.execute(_insert_new(connection), rows).all()
    deliveries = [
        new_delivery(row_id, first[public_id].type, webhook_id, environment, now)
        for row_id, public_id in stored
        for webhook_id in subscribers[first[public_id].type]
    ]
    if deliveries:
        connection.execute(_INSERT_DELIVERIES, deliveries)
    counts = {public_id: len(subscribers[first[public_id].type]) for _, public_id in stored}
    counts |= _known_counts(connection, environment, first.keys() - counts.keys())
    return [Published(public_id, counts[public_id]) for public_id in ids]


def send_test(webhook: Webhook, event: NewEvent) -> int:
    """Store ``event`` for one webhook alone, even if it is inactive or not subscribed. Return the delivery's id.

    A test is a single attempt without retries. It is stored in the caller's ``writing`` block. The audit log records
    who sent it.
    """
    now, connection = utcnow(), db.session.connection()
    row = _event_row(event.id or new_event_id(), webhook.environment, event, now, 1)
    event_id = connection.execute(insert(Event).returning(Event.id), row).scalar_one()
    delivery = new_delivery(
        event_id,
        event.type,
        webhook.id,
        webhook.environment,
        now,
        trigger=DeliveryTrigger.TEST,
        attempts_allowed=1,
        forced=True,
    )
    delivery_id = connection.execute(insert(Delivery).returning(Delivery.id), delivery).scalar_one()
    audit.record("webhook.tested", "webhook", webhook.id, webhook.name, after={"type": event.type})
    after_commit(wake)
    return delivery_id


def _event_row(public_id: str, environment: str, event: NewEvent, now: datetime, deliveries: int) -> dict[str, Any]:
    return {
        "public_id": public_id,
        "type": event.type,
        "environment": environment,
        "body": render_body(public_id, environment, event, now),
        "deliveries_count": deliveries,
        "created_at": now,
    }


def _subscribers(connection: Connection, environment: str, types: Iterable[str]) -> dict[str, list[int]]:
    """Return the ids of the active webhooks that are subscribed to each type."""
    found: dict[str, list[int]] = defaultdict(list)
    for event_type, webhook_id in connection.execute(
        _SUBSCRIBERS, {"types": sorted(types), "environment": environment}
    ):
        found[event_type].append(webhook_id)
    return found


def _known_counts(connection: Connection, environment: str, ids: Iterable[str]) -> dict[str, int]:
    """Return how many deliveries each event had when it was first published, by the event's id."""
    wanted = list(ids)
    counts: dict[str, int] = {}
    for start in range(0, len(wanted), LOOKUP_BATCH):
        query = select(Event.public_id, Event.deliveries_count).where(
            Event.environment == environment, Event.public_id.in_(wanted[start : start + LOOKUP_BATCH])
        )
        counts |= dict(connection.execute(query).all())
    return counts


def _insert_new(connection: Connection) -> Any:
    """Return an INSERT that skips ids which exist already, even if another publisher stores them at this moment."""
    own = dialect(connection)
    if own not in _INSERTS:  # built once for each kind of database, like the statements above
        insert_new = own.insert(_events).on_conflict_do_nothing(index_elements=["environment", "public_id"])
        _INSERTS[own] = insert_new.returning(_events.c.id, _events.c.public_id)
    return _INSERTS[own]
