"""Publish: store events and their deliveries in one transaction, then wake the workers."""

import json
import secrets
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from jobs.wake import wake
from webhooks_ui.extensions import write_transaction
from webhooks_ui.models import Delivery, DeliveryStatus, DeliveryTrigger, Event, Subscription, Webhook, utcnow

LOOKUP_BATCH = 500  # ids in one IN (…)

_render = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode

# Built once: to build a statement costs as much as to run it.
_events, _webhooks, _subscriptions = Event.__table__, Webhook.__table__.c, Subscription.__table__.c
_SUBSCRIBERS = (
    select(_subscriptions.event_type, _webhooks.id)
    .join_from(Subscription.__table__, Webhook.__table__, _webhooks.id == _subscriptions.webhook_id)
    .where(
        _subscriptions.event_type.in_(bindparam("types", expanding=True)),
        _webhooks.environment == bindparam("environment"),
        _webhooks.active,
        _webhooks.deleted_at.is_(None),
    )
)
_INSERT_NEW = {  # passes over ids which are there already, also those that another publisher stores right now
    dialect: insert_(_events)
    .on_conflict_do_nothing(index_elements=["environment", "public_id"])
    .returning(_events.c.id, _events.c.public_id)
    for dialect, insert_ in (("postgresql", postgresql.insert), ("sqlite", sqlite.insert))
}
_INSERT_DELIVERIES = insert(Delivery.__table__)


@dataclass(frozen=True)
class NewEvent:
    """An event as its publisher gave it, already checked."""

    type: str
    data: dict[str, Any]
    id: str | None = None
    timestamp: datetime | None = None  # aware

    @cached_property
    def data_json(self) -> str:
        """``data`` as it is sent, rendered once.

        Raises:
            ValueError: it holds an infinite number.
        """
        return _render(self.data)


@dataclass(frozen=True)
class Published:
    """What a publisher is told: the event's id, and how many webhooks it goes to."""

    id: str
    deliveries: int


def publish(environment: str, events: Sequence[NewEvent]) -> list[Published]:
    """Commit ``events`` and a pending delivery for each subscribed active webhook, all or nothing.

    An id that ``environment`` already knows changes nothing and answers with its first result.
    The answers are in the order of ``events``.
    """
    with write_transaction() as connection:
        results = _store(connection, environment, events)
    if any(result.deliveries for result in results):
        wake()
    return results


def _store(connection: Connection, environment: str, events: Sequence[NewEvent]) -> list[Published]:
    now = utcnow()
    ids = [event.id or new_event_id() for event in events]
    first = dict(reversed(list(zip(ids, events, strict=True))))  # of equal ids the first one counts
    subscribers = _subscribers(connection, environment, {event.type for event in first.values()})
    rows = [
        _event_row(public_id, environment, event, now, len(subscribers[event.type]))
        for public_id, event in reversed(first.items())
    ]
    stored = connection.execute(_INSERT_NEW[connection.dialect.name], rows).all()
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


def publish_test(webhook_id: int, environment: str, event: NewEvent) -> int:
    """Commit ``event`` for one webhook alone, subscribed or not, active or not; the id of its delivery.

    A test is one attempt: it isn't retried.
    """
    now = utcnow()
    row = _event_row(event.id or new_event_id(), environment, event, now, 1)
    with write_transaction() as connection:
        event_id = connection.execute(insert(Event).returning(Event.id), row).scalar_one()
        delivery = new_delivery(
            event_id,
            event.type,
            webhook_id,
            environment,
            now,
            trigger=DeliveryTrigger.TEST,
            attempts_allowed=1,
            forced=True,
        )
        delivery_id = connection.execute(insert(Delivery).returning(Delivery.id), delivery).scalar_one()
    wake()
    return delivery_id


def new_event_id() -> str:
    """``evt_`` and 28 hexadecimal digits, the first 12 of them the time in milliseconds: ids sort by age."""
    return f"evt_{time.time_ns() // 1_000_000:012x}{secrets.token_hex(8)}"


def render_body(public_id: str, environment: str, event: NewEvent, now: datetime) -> bytes:
    """The exact bytes that every attempt sends (DESIGN: the wire contract)."""
    timestamp = (event.timestamp or now).astimezone(UTC)
    precision = "microseconds" if timestamp.microsecond and event.timestamp else "seconds"
    head = {
        "id": public_id,
        "type": event.type,
        "environment": environment,
        "timestamp": timestamp.isoformat(timespec=precision).replace("+00:00", "Z"),
    }
    return f'{_render(head)[:-1]},"data":{event.data_json}}}'.encode()


def _event_row(public_id: str, environment: str, event: NewEvent, now: datetime, deliveries: int) -> dict[str, Any]:
    return {
        "public_id": public_id,
        "type": event.type,
        "environment": environment,
        "body": render_body(public_id, environment, event, now),
        "deliveries_count": deliveries,
        "created_at": now,
    }


def new_delivery(
    event_id: int, event_type: str, webhook_id: int, environment: str, now: datetime, **fields: Any
) -> dict[str, Any]:
    """The row of a delivery that is due at once; ``fields`` override or add columns."""
    return {
        "event_id": event_id,
        "webhook_id": webhook_id,
        "event_type": event_type,
        "environment": environment,
        "trigger": DeliveryTrigger.EVENT,
        "status": DeliveryStatus.PENDING,
        "due_at": now,
        "created_at": now,
    } | fields


def _subscribers(connection: Connection, environment: str, types: Iterable[str]) -> dict[str, list[int]]:
    """The ids of the active webhooks that want each type."""
    found: dict[str, list[int]] = defaultdict(list)
    for event_type, webhook_id in connection.execute(
        _SUBSCRIBERS, {"types": sorted(types), "environment": environment}
    ):
        found[event_type].append(webhook_id)
    return found


def _known_counts(connection: Connection, environment: str, ids: Iterable[str]) -> dict[str, int]:
    """How many deliveries each of the events already had when it was first published."""
    wanted = list(ids)
    counts: dict[str, int] = {}
    for start in range(0, len(wanted), LOOKUP_BATCH):
        query = select(Event.public_id, Event.deliveries_count).where(
            Event.environment == environment, Event.public_id.in_(wanted[start : start + LOOKUP_BATCH])
        )
        counts |= dict(connection.execute(query).all())
    return counts
