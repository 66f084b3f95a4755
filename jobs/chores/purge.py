"""Purge: delete what is older than the retention, a batch at a time, so that nobody waits long for the database.

Deliveries are deleted with their attempts, and events with their keys once they have no deliveries.
Audit entries stay. Statistics have a chore of their own, ``forget_statistics``.
"""

import time
from collections.abc import Iterator
from dataclasses import asdict, astuple, dataclass
from datetime import datetime, timedelta

from flask import current_app
from rq import Queue
from sqlalchemy import ColumnElement, Connection, and_, delete, exists, func, or_, select

from jobs.chores.trusted_time import advance, trusted_time
from webhooks_ui import audit
from webhooks_ui.database import db, release, write_transaction, writing
from webhooks_ui.deliveries.changes import cancel_orphans
from webhooks_ui.models import Delivery, DeliveryStatus, Event, EventKey, FreshKeys, get_settings, utcnow
from webhooks_ui.wake import CHORES, KEPT_FOR

BATCH_EVENTS = 200
TURN_SECONDS = 5.0

Place = tuple[datetime, int]  # the creation time and the id of the last event that was visited


@dataclass(frozen=True)
class Purged:
    """How many rows were deleted, or would be deleted."""

    deliveries: int
    events: int

    def __add__(self, other: "Purged") -> "Purged":
        return Purged(self.deliveries + other.deliveries, self.events + other.events)


def purge(older_than_days: int | None = None) -> Purged:
    """Delete old final deliveries, and old events without deliveries. Return how many were deleted.

    Args:
        older_than_days: the age from which they are old. The default is the retention in the settings.
    """
    return sum((purged for purged, _ in _batches(cutoff(older_than_days))), Purged(0, 0))


def purge_daily(place: Place | None = None, before: tuple[int, int] = (0, 0)) -> None:
    """Do the daily job: purge for some seconds from ``place`` on, then enqueue another turn if there is more.

    A single long run would delay the other chores.

    Args:
        before: how many deliveries and events the turns before this one deleted.
    """
    if place is None:
        advance()
        with write_transaction() as connection:
            cancel_orphans(connection)
    until, total = time.monotonic() + TURN_SECONDS, Purged(*before)
    for purged, reached in _batches(cutoff(now=trusted_time()), place):
        total += purged
        if reached and time.monotonic() > until:
            redis = current_app.extensions["redis"]
            again = reached, astuple(total)
            Queue(CHORES, connection=redis).enqueue("jobs.chores.purge.purge_daily", *again, **KEPT_FOR)
            return
    record_purge(total, get_settings()["retention_days"])


def record_purge(purged: Purged, older_than_days: int) -> None:
    """Write to the audit log what a purge deleted, unless it deleted nothing. The call owns the transaction."""
    if purged == Purged(0, 0):
        return
    with writing():
        audit.record("delivery.purged", "delivery", None, after=asdict(purged) | {"older_than_days": older_than_days})


def _batches(before: datetime, place: Place | None = None) -> Iterator[tuple[Purged, Place | None]]:
    """Purge in batches from ``place`` on. Yield what each batch deleted, and the place where the next one begins."""
    while True:
        with write_transaction() as connection:
            batch = _next_events(connection, before, place)
            purged = _purge_batch(connection, [id for _, id in batch], before)
        if len(batch) < BATCH_EVENTS:
            yield purged, None
            return
        place = batch[-1]
        yield purged, place


def count(older_than_days: int | None = None) -> Purged:
    """Return what ``purge`` would delete now."""
    before = cutoff(older_than_days)
    old = select(Event.id).where(Event.created_at < before)
    kept = exists().where(Delivery.event_id == Event.id, ~_goes(before))
    with db.engine.connect() as connection:
        deliveries = connection.execute(
            select(func.count()).where(Delivery.event_id.in_(old), _goes(before))
        ).scalar_one()
        events = connection.execute(select(func.count()).where(Event.created_at < before, ~kept)).scalar_one()
    return Purged(deliveries, events)


def cutoff(older_than_days: int | None = None, now: datetime | None = None) -> datetime:
    """Return the time before which rows are old enough to be deleted.

    Args:
        now: the time from which their age is told. The default is the present one.
    """
    if older_than_days is None:
        older_than_days = get_settings()["retention_days"]
        release()  # don't hold this transaction open while others begin
    return (now or utcnow()) - timedelta(days=older_than_days)


def _next_events(connection: Connection, before: datetime, place: Place | None) -> list[Place]:
    """Lock and return the next old events after ``place``, oldest first.

    Thanks to the place, a run visits events that are still needed only once. Who makes a delivery of one of them at
    this moment is waited for.
    """
    query = select(Event.created_at, Event.id).where(Event.created_at < before)
    if place:
        created_at, id = place
        query = query.where(Event.created_at >= created_at, or_(Event.created_at > created_at, Event.id > id))
    rows = connection.execute(query.order_by(Event.created_at, Event.id).limit(BATCH_EVENTS).with_for_update())
    return [(row.created_at, row.id) for row in rows]


def _purge_batch(connection: Connection, event_ids: list[int], before: datetime) -> Purged:
    deliveries = connection.execute(delete(Delivery).where(Delivery.event_id.in_(event_ids), _goes(before))).rowcount
    unused = ~exists().where(Delivery.event_id == Event.id)
    events = connection.execute(delete(Event).where(Event.id.in_(event_ids), unused)).rowcount
    for table in (FreshKeys, EventKey):  # in this order, because the chore index_keys moves rows from one to the other
        gone = ~exists().where(Event.id == table.event_id)
        connection.execute(delete(table).where(table.event_id.in_(event_ids), gone))
    return Purged(deliveries, events)


def _goes(before: datetime) -> ColumnElement[bool]:
    """Return the condition that a delivery is final and old. The foreign key deletes its attempts with it."""
    return and_(Delivery.status != DeliveryStatus.PENDING, Delivery.created_at < before)
