"""Store: write events and their deliveries, in the caller's transaction. Nobody is woken here."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, insert, select

from jobs.claim import lease_end
from jobs.express import BODY_MAX_BYTES, DELIVERIES_MAX, Item, Parcel
from webhooks_ui.database import dialect
from webhooks_ui.database.dialect import Dialect
from webhooks_ui.deliveries.changes import new_delivery
from webhooks_ui.events.new_event import NewEvent, new_event_id, render_body
from webhooks_ui.models import Delivery, Event, utcnow
from webhooks_ui.webhooks.subscribers import Subscriber, subscribers

LOOKUP_BATCH = 500  # ids in one IN (…)

# These statements are built once, because building a statement costs as much as running it.
_events = Event.__table__
_INSERTS: dict[Dialect, Any] = {}
_INSERT_DELIVERIES = insert(Delivery.__table__)
_INSERT_LEASED = _INSERT_DELIVERIES.returning(Delivery.__table__.c.id, sort_by_parameter_order=True)


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


class Stored(NamedTuple):
    """What ``store`` did."""

    results: list[Published]  # in the order of the events
    new: set[str]  # the ids of those that were not known
    at: datetime  # when the leases of the parcels began
    parcels: list[Parcel]  # leased to the lane


class Sent(NamedTuple):
    """A new event, and the webhooks that get it."""

    row_id: int
    id: str
    type: str
    body: bytes
    webhooks: list[Subscriber]


def store(
    connection: Connection,
    environment: str,
    events: Sequence[NewEvent],
    but: Sequence[int | None] = (),
    traceparent: str | None = None,
    lane: str | None = None,
) -> Stored:
    """Store events and their deliveries as ``publish`` does.

    Args:
        but: for each event, the id of a webhook that doesn't get it.
        traceparent: kept with the events (see webhooks_ui.tracing).
        lane: the lease token of a worker that listens. What may go the express way is leased to it (see jobs.express).

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
        event_row(public_id, environment, events[place], times[place], now, len(receivers[public_id]))
        | {"traceparent": traceparent}
        for public_id, place in first.items()
    ]
    bodies = {row["public_id"]: row["body"] for row in rows}
    new = [
        Sent(row_id, public_id, events[first[public_id]].type, bodies[public_id], receivers[public_id])
        for row_id, public_id in sorted(connection.execute(_insert_new(connection), rows).all())
    ]
    parcels = _store_deliveries(connection, environment, new, now, traceparent, lane)
    counts = {event.id: len(event.webhooks) for event in new}
    new_ids = set(counts)
    for known in _known(connection, environment, first.keys() - new_ids):
        counts[known.public_id], bodies[known.public_id] = known.deliveries_count, known.body
    for place, (public_id, event) in enumerate(zip(ids, events, strict=True)):
        is_first = public_id in new_ids and first[public_id] == place
        if not is_first and not event.is_told_by(bodies[public_id]):
            raise OtherContent(public_id, place)
    return Stored([Published(public_id, counts[public_id]) for public_id in ids], new_ids, now, parcels)


def _store_deliveries(
    connection: Connection,
    environment: str,
    events: Sequence[Sent],
    now: datetime,
    traceparent: str | None,
    lane: str | None,
) -> list[Parcel]:
    """Store a delivery for each event and webhook. Return those that were leased to the lane."""
    has_lane = lane is not None and sum(len(event.webhooks) for event in events) <= DELIVERIES_MAX
    lease = {"lease_token": lane, "due_at": lease_end(now)}
    usual: list[dict[str, Any]] = []
    leased: list[tuple[Sent, Subscriber, dict[str, Any]]] = []
    for event in events:
        is_express = has_lane and len(event.body) <= BODY_MAX_BYTES
        for webhook in event.webhooks:
            row = new_delivery(
                event.row_id,
                event.type,
                webhook.webhook_id,
                environment,
                now,
                in_order=webhook.in_order,
                fields=webhook.fields,
            )
            if is_express and webhook.is_free:
                leased.append((event, webhook, row | lease))
            else:
                usual.append(row)
    if usual:
        connection.execute(_INSERT_DELIVERIES, usual)
    if not leased:
        return []
    ids = connection.execute(_INSERT_LEASED, [row for _, _, row in leased]).scalars().all()
    parcels: dict[str, Parcel] = {}
    for id, (event, webhook, _) in zip(ids, leased, strict=True):
        if event.id not in parcels:
            parcels[event.id] = Parcel(event.id, event.type, environment, event.body.decode(), traceparent, [])
        parcels[event.id].items.append(Item(id, webhook.webhook_id, webhook.version, webhook.fields))
    return list(parcels.values())


def event_row(
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
