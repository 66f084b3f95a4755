"""Publish: store events and their deliveries in one transaction, then wake the workers."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, insert, select

from webhooks_ui import audit, logs, tracing
from webhooks_ui.counting import count
from webhooks_ui.database import after_commit, db, dialect, write_transaction
from webhooks_ui.database.dialect import Dialect
from webhooks_ui.deliveries.changes import new_delivery
from webhooks_ui.events.new_event import NewEvent, new_event_id, render_body
from webhooks_ui.events.selection import fields_text
from webhooks_ui.models import Delivery, DeliveryTrigger, Event, Webhook, utcnow
from webhooks_ui.wake import wake
from webhooks_ui.webhooks.subscribers import subscribers

LOOKUP_BATCH = 500  # ids in one IN (…)

logger = logging.getLogger(__name__)

# These statements are built once, because building a statement costs as much as running it.
_events = Event.__table__
_INSERTS: dict[Dialect, Any] = {}
_INSERT_DELIVERIES = insert(Delivery.__table__)


@dataclass(frozen=True)
class Published:
    """The answer to a publisher: the event's id, and how many webhooks it goes to."""

    id: str
    deliveries: int


class OtherContent(ValueError):
    """An id that was published before came again with another type, other data or another time.

    Args:
        index: the position of the event.
    """

    def __init__(self, id: str, index: int) -> None:
        super().__init__(
            f"The id {id} was published before with other content. Send the same content again, or use another id."
        )
        self.index = index


def publish(environment: str, events: Sequence[NewEvent], traceparent: str | None = None) -> list[Published]:
    """Commit ``events`` and a pending delivery for each subscribed active webhook, all or nothing.

    Return the results in the order of ``events``. An event whose id already exists in ``environment`` is not
    stored again, and gets the result of the first one. Events without a time of their own get rising ones, and made
    ids sort in the same way.

    Args:
        traceparent: the publisher's header (W3C Trace Context). Endpoints get it, or one of the same trace.

    Raises:
        OtherContent: an id came again with other content.
    """
    with tracing.publishing(traceparent, {"webhooks.environment": environment, "webhooks.events": len(events)}) as kept:
        with write_transaction() as connection:
            results, new = store(connection, environment, events, traceparent=kept)
        _tell(environment, results, new, kept)
        if any(result.deliveries for result in results):
            wake()
    return results


def _tell(environment: str, results: Sequence[Published], stored: set[str], traceparent: str | None) -> None:
    """Count what was stored, and log the ids of all events."""
    wanted = {result.id: result.deliveries for result in results}
    count("webhooks_events_published", environment, amount=len(stored))
    count("webhooks_deliveries_created", environment, amount=sum(wanted[id] for id in stored))
    if logger.isEnabledFor(logging.INFO):
        about: dict[str, Any] = {"event": results[0].id} if len(results) == 1 else {"events": [*wanted]}
        about |= {"environment": environment, "trace": tracing.trace_id(traceparent)}
        counts = len(stored), len(wanted) - len(stored), sum(wanted.values())
        logger.info("Published. New events: %d, known ones: %d, deliveries: %d.", *counts, extra=logs.ids(**about))


class Stored(NamedTuple):
    """What ``store`` did."""

    results: list[Published]  # in the order of the events
    new: set[str]  # the ids of those that were not known


def store(
    connection: Connection,
    environment: str,
    events: Sequence[NewEvent],
    but: Sequence[int | None] = (),
    traceparent: str | None = None,
) -> Stored:
    """Store events and their deliveries as ``publish`` does, in the caller's transaction. Wake nobody.

    Args:
        but: for each event, the id of a webhook that doesn't get it.
        traceparent: kept with the events (see webhooks_ui.tracing).

    Raises:
        OtherContent: an id came again with other content.
    """
    now = utcnow()
    but = but or [None] * len(events)
    times = [now + timedelta(microseconds=place) for place in range(len(events))]
    ids = [event.id or new_event_id(at) for event, at in zip(events, times, strict=True)]
    first: dict[str, int] = {}  # of equal ids the first one counts
    for place, public_id in enumerate(ids):
        first.setdefault(public_id, place)
    subscribed = subscribers(connection, environment, {events[place].type for place in first.values()})
    receivers = {
        public_id: [
            webhook
            for webhook in subscribed[events[place].type]
            if webhook.webhook_id != but[place] and webhook.wants(events[place].data)
        ]
        for public_id, place in first.items()
    }
    rows = [
        _event_row(public_id, environment, events[place], times[place], now, len(receivers[public_id]))
        | {"traceparent": traceparent}
        for public_id, place in first.items()
    ]
    stored = connection.execute(_insert_new(connection), rows).all()
    deliveries = [
        new_delivery(
            row_id,
            events[first[public_id]].type,
            webhook.webhook_id,
            environment,
            now,
            in_order=webhook.in_order,
            fields=webhook.fields,
        )
        for row_id, public_id in sorted(stored)
        for webhook in receivers[public_id]
    ]
    if deliveries:
        connection.execute(_INSERT_DELIVERIES, deliveries)
    bodies = {row["public_id"]: row["body"] for row in rows}
    stored_ids = {public_id for _, public_id in stored}
    counts = {public_id: len(receivers[public_id]) for public_id in stored_ids}
    for known in _known(connection, environment, first.keys() - stored_ids):
        counts[known.public_id], bodies[known.public_id] = known.deliveries_count, known.body
    for place, (public_id, event) in enumerate(zip(ids, events, strict=True)):
        is_first = public_id in stored_ids and first[public_id] == place
        if not is_first and not event.is_told_by(bodies[public_id]):
            raise OtherContent(public_id, place)
    return Stored([Published(public_id, counts[public_id]) for public_id in ids], stored_ids)


def send_test(webhook: Webhook, event: NewEvent) -> int:
    """Store ``event`` for one webhook alone, even if it is inactive or not subscribed. Return the delivery's id.

    A test is a single attempt without retries. It is stored in the caller's ``writing`` block. The audit log records
    who sent it.
    """
    now, connection = utcnow(), db.session.connection()
    row = _event_row(event.id or new_event_id(now), webhook.environment, event, now, now, 1, is_test=True)
    logger.info("A test is sent.", extra=logs.ids(event=row["public_id"], webhook=webhook.id))
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
        fields=fields_text(webhook.fields),
    )
    delivery_id = connection.execute(insert(Delivery).returning(Delivery.id), delivery).scalar_one()
    audit.record("webhook.tested", "webhook", webhook.id, webhook.name, after={"type": event.type})
    after_commit(wake)
    return delivery_id


def _event_row(
    public_id: str,
    environment: str,
    event: NewEvent,
    at: datetime,
    now: datetime,
    deliveries: int,
    *,
    is_test: bool = False,
) -> dict[str, Any]:
    """Return the row of an event that happened ``at`` some time, unless its publisher says when."""
    return {
        "public_id": public_id,
        "type": event.type,
        "environment": environment,
        "body": render_body(public_id, environment, event, at, is_test=is_test),
        "note": event.note,
        "deliveries_count": deliveries,
        "created_at": now,
    }


class Known(NamedTuple):
    """An event that was published before."""

    public_id: str
    deliveries_count: int
    body: bytes


def _known(connection: Connection, environment: str, ids: Iterable[str]) -> Iterator[Known]:
    """Yield those of ``ids`` that are stored."""
    wanted = list(ids)
    for start in range(0, len(wanted), LOOKUP_BATCH):
        query = select(Event.public_id, Event.deliveries_count, Event.body).where(
            Event.environment == environment, Event.public_id.in_(wanted[start : start + LOOKUP_BATCH])
        )
        yield from (Known(*row) for row in connection.execute(query))


def _insert_new(connection: Connection) -> Any:
    """Return an INSERT that skips ids which exist already, even if another publisher stores them at this moment."""
    own = dialect(connection)
    if own not in _INSERTS:  # built once for each kind of database, like the statements above
        insert_new = own.insert(_events).on_conflict_do_nothing(index_elements=["environment", "public_id"])
        _INSERTS[own] = insert_new.returning(_events.c.id, _events.c.public_id)
    return _INSERTS[own]
