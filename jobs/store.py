"""Store: write events and their deliveries, in the caller's transaction. Nobody is woken here."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, NamedTuple

from sqlalchemy import Connection, Table, select

from jobs.claim import lease_end
from jobs.express import BODY_MAX_BYTES, DELIVERIES_MAX, Item, Parcel
from webhooks_ui.database import dialect
from webhooks_ui.deliveries.changes import new_delivery
from webhooks_ui.events.new_event import NewEvent, new_event_id, render_body
from webhooks_ui.models import Delivery, Event, utcnow
from webhooks_ui.webhooks.subscribers import Subscriber, subscribers

LOOKUP_BATCH = 500  # ids in one IN (…)

_EVENTS, _DELIVERIES = Event.__table__, Delivery.__table__
_UNIQUE = ("environment", "public_id")

Key = tuple[str, str]  # the environment and the id of an event


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


class Publication(NamedTuple):
    """Events that are published together: all or nothing."""

    environment: str
    events: Sequence[NewEvent]
    but: Sequence[int] = ()  # for each event, the id of a webhook that doesn't get it
    traceparent: str | None = None  # kept with the events (see webhooks_ui.tracing)
    lane: str | None = None  # the lease token of a worker that listens. What may go the express way is leased to it


class Stored(NamedTuple):
    """What became of a publication."""

    results: list[Published]  # in the order of the events
    new: set[str]  # the ids of those that were not known
    at: datetime  # when the leases of the parcels began
    parcels: list[Parcel]  # leased to the lane


@dataclass(slots=True)
class _Entry:
    """An event on its way into the database."""

    number: int  # of its publication
    place: int  # in its publication
    id: str
    event: NewEvent
    environment: str
    traceparent: str | None
    lane: str | None
    webhooks: list[Subscriber]
    body: bytes
    row_id: int = 0  # of the stored event, if it is new

    @property
    def key(self) -> Key:
        return self.environment, self.id

    def parcel(self) -> Parcel:
        """Return an empty parcel of the event."""
        return Parcel(self.id, self.event.type, self.environment, self.body.decode(), self.traceparent, [])


class _Known(NamedTuple):
    """An event that was published before."""

    deliveries_count: int
    body: bytes


def store(connection: Connection, publications: Sequence[Publication]) -> list[Stored]:
    """Store events and their deliveries as ``publish`` does. Return what became of each publication.

    Raises:
        OtherContent: an id came again with other content. Nothing of the publications may be committed then.
    """
    now = utcnow()
    entries = _entries(connection, publications, now)
    first: dict[Key, _Entry] = {}  # of equal ids the first one counts
    for entry in entries:
        first.setdefault(entry.key, entry)
    new = _store_events(connection, first, now)
    parcels = _store_deliveries(connection, new, now)
    known = _known(connection, first.keys() - {entry.key for entry in new})
    stored = []
    for number, group in groupby(entries, lambda entry: entry.number):
        results = [_result(entry, first[entry.key], known.get(entry.key)) for entry in group]
        ids = {entry.id for entry in new if entry.number == number}
        stored.append(Stored(results, ids, now, parcels.get(number, [])))
    return stored


def _entries(connection: Connection, publications: Sequence[Publication], now: datetime) -> list[_Entry]:
    """Return the events with the webhooks that get them. Events without a time of their own get rising ones."""
    wanting = _wanting(connection, publications)
    entries: list[_Entry] = []
    for number, publication in enumerate(publications):
        environment, events = publication.environment, publication.events
        own: list[_Entry] = []
        for place, event in enumerate(events):
            at = now + timedelta(microseconds=len(entries) + place)
            but = publication.but[place] if publication.but else None
            webhooks = [
                webhook
                for webhook in wanting[environment][event.type]
                if webhook.webhook_id != but and webhook.wants(event.data)
            ]
            id = event.id or new_event_id(at)
            body = render_body(id, environment, event, at)
            own.append(_Entry(number, place, id, event, environment, publication.traceparent, None, webhooks, body))
        if sum(len(entry.webhooks) for entry in own) <= DELIVERIES_MAX:
            for entry in own:
                entry.lane = publication.lane if len(entry.body) <= BODY_MAX_BYTES else None
        entries += own
    return entries


def _wanting(connection: Connection, publications: Sequence[Publication]) -> dict[str, dict[str, list[Subscriber]]]:
    """Return the active webhooks that want each type, by environment."""
    types: dict[str, set[str]] = {}
    for publication in publications:
        types.setdefault(publication.environment, set()).update(event.type for event in publication.events)
    return {environment: subscribers(connection, environment, wanted) for environment, wanted in types.items()}


def _store_events(connection: Connection, first: Mapping[Key, _Entry], now: datetime) -> list[_Entry]:
    """Store the events, but for those that exist already, even if another publisher stores them at this moment.

    Return the new ones, in the order of their rows.
    """
    at = dialect(connection).time_value(now)
    rows = [
        event_row(entry.id, entry.environment, entry.event, entry.body, at, len(entry.webhooks), entry.traceparent)
        for entry in first.values()
    ]
    new = []
    for row_id, environment, public_id in _insert(connection, _EVENTS, rows, ("id", *_UNIQUE), _UNIQUE):
        entry = first[environment, public_id]
        entry.row_id = row_id
        new.append(entry)
    return new


def _store_deliveries(connection: Connection, events: Sequence[_Entry], now: datetime) -> dict[int, list[Parcel]]:
    """Store a delivery for each event and webhook. Return those that were leased to lanes, by publication."""
    database = dialect(connection)
    at, end = database.time_value(now), database.time_value(lease_end(now))
    pairs = [(event, webhook) for event in events for webhook in event.webhooks]
    rows = [
        new_delivery(
            event.row_id,
            event.event.type,
            webhook.webhook_id,
            event.environment,
            at,
            in_order=webhook.in_order,
            fields=webhook.fields,
            lease_token=event.lane if webhook.is_free else None,
            due_at=end if event.lane and webhook.is_free else at,
        )
        for event, webhook in pairs
    ]
    parcels: dict[int, dict[str, Parcel]] = defaultdict(dict)
    if any(row["lease_token"] for row in rows):
        ids = _insert(connection, _DELIVERIES, rows, ("id",))
        for (event, webhook), row, (id,) in zip(pairs, rows, ids, strict=True):
            if row["lease_token"]:
                own = parcels[event.number]
                if event.id not in own:
                    own[event.id] = event.parcel()
                own[event.id].items.append(Item(id, webhook.webhook_id, webhook.version, webhook.fields))
    elif rows:
        database.insert_many(connection, _DELIVERIES, tuple(rows[0]), [tuple(row.values()) for row in rows])
    return {number: list(own.values()) for number, own in parcels.items()}


def _insert(
    connection: Connection,
    table: Table,
    rows: Sequence[Mapping[str, Any]],
    returning: Sequence[str],
    unless: Sequence[str] = (),
) -> list[tuple[Any, ...]]:
    values = [tuple(row.values()) for row in rows]
    return dialect(connection).insert_returning(connection, table, tuple(rows[0]), values, returning, unless)


def event_row(
    public_id: str,
    environment: str,
    event: NewEvent,
    body: bytes,
    created_at: Any,
    deliveries: int,
    traceparent: str | None = None,
) -> dict[str, Any]:
    """Return the row of an event. ``created_at`` is a time in the form that the database takes."""
    return {
        "public_id": public_id,
        "type": event.type,
        "environment": environment,
        "body": body,
        "note": event.note,
        "deliveries_count": deliveries,
        "traceparent": traceparent,
        "created_at": created_at,
    }


def _known(connection: Connection, keys: Collection[Key]) -> dict[Key, _Known]:
    """Return those of the events that are stored."""
    found: dict[Key, _Known] = {}
    for environment, group in groupby(sorted(keys), lambda key: key[0]):
        ids = [id for _, id in group]
        for start in range(0, len(ids), LOOKUP_BATCH):
            query = select(Event.public_id, Event.deliveries_count, Event.body).where(
                Event.environment == environment, Event.public_id.in_(ids[start : start + LOOKUP_BATCH])
            )
            for public_id, count, body in connection.execute(query):
                found[environment, public_id] = _Known(count, body)
    return found


def _result(entry: _Entry, first: _Entry, known: _Known | None) -> Published:
    """Return the answer for an event.

    Args:
        first: the first one of the same id.
        known: the stored one, if the id was published before.

    Raises:
        OtherContent: the first one has other content.
    """
    before = known.body if known else first.body
    if (known or entry is not first) and not entry.event.is_told_by(before):
        raise OtherContent(entry.id, entry.place)
    return Published(entry.id, known.deliveries_count if known else len(first.webhooks))
