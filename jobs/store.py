"""Store: write events and their deliveries, in the caller's transaction. Nobody is woken here."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain, count, groupby
from typing import Any, NamedTuple

from sqlalchemy import Connection, select

from jobs.claim import lease_end
from jobs.express import BODY_MAX_BYTES, DELIVERIES_MAX, Item, Parcel
from webhooks_ui.database import dialect
from webhooks_ui.database.facts import Fact
from webhooks_ui.database.family import Children, Family
from webhooks_ui.deliveries.changes import new_delivery
from webhooks_ui.events.keys import joined_keys_of
from webhooks_ui.events.new_event import NewEvent, new_event_id, render_body
from webhooks_ui.models import Delivery, Event, FreshKeys, utcnow
from webhooks_ui.webhooks.known_subscribers import KnownSubscribers
from webhooks_ui.webhooks.subscribers import Subscriber, subscribers

TRANSACTION_MAX_DELIVERIES = 10_000  # of several publications. All that write wait for the end of a transaction

_EVENTS, _DELIVERIES, _KEYS = Event.__table__, Delivery.__table__, FreshKeys.__table__
_UNIQUE = ("environment", "public_id")

Key = tuple[str, str]  # the environment and the id of an event
Wanting = dict[str, dict[str, list[Subscriber]]]  # the active webhooks by environment and type


@dataclass(frozen=True)
class Published:
    """The answer to a publisher: the event's id, and how many webhooks it goes to."""

    id: str
    deliveries: int


class OtherContent(ValueError):
    """An id came again with another type, other data or another time.

    Args:
        index: the position of the event.
        is_within: whether it came before in the same publication, and not in an earlier one.
    """

    def __init__(self, id: str, index: int, *, is_within: bool) -> None:
        super().__init__(
            f"The id {id} comes twice, with different content. Give each event an id of its own."
            if is_within
            else f"The id {id} was published before with other content. Send the same content again, or use another id."
        )
        self.index = index


class TooManyDeliveries(Exception):
    """Several publications have too many deliveries for one transaction. Nothing of them was stored."""


class FactChanged(Exception):
    """What a publication rests on holds no more. Nothing of it was stored."""


class Publication(NamedTuple):
    """Events that are published together: all or nothing."""

    environment: str
    events: Sequence[NewEvent]
    but: Sequence[int] = ()  # for each event, the id of a webhook that doesn't get it
    fact: Fact | None = None  # what it rests on. It is stored only if this still holds
    traceparent: str | None = None  # kept with the events (see webhooks_ui.tracing)
    lane: str | None = None  # the lease token of a worker that listens. What may go the express way is leased to it


class Stored(NamedTuple):
    """A publication that was stored, or was known already."""

    results: list[Published]  # in the order of the events
    new: set[str]  # the ids of those that were not known
    at: datetime  # when the leases of the parcels began
    parcels: list[Parcel]  # leased to the lane


Became = Stored | OtherContent | FactChanged  # what became of a publication


@dataclass(slots=True)
class _Entry:
    """An event on its way into the database."""

    publication: Publication
    place: int  # in its publication
    id: str
    event: NewEvent
    webhooks: list[Subscriber]
    body: bytes
    lane: str | None = None  # that its deliveries may go to
    parcel: Parcel | None = None  # those that were leased to the lane

    @property
    def key(self) -> Key:
        return self.publication.environment, self.id


def store(
    connection: Connection, publications: Sequence[Publication], memory: KnownSubscribers | None = None
) -> list[Became]:
    """Store events and their deliveries as ``publish`` does. Return what became of each publication.

    If one of several events of a publication has other content than before, the caller must roll back.

    Args:
        memory: of who gets which events. Without it, that is read.

    Raises:
        TooManyDeliveries: the publications must be stored in several transactions.
    """
    now = utcnow()
    wanting, facts = _wanting(connection, publications, memory, now)
    groups = _entries(publications, wanting, now)
    first: dict[Key, _Entry] = {}  # of equal ids the first one counts
    for entry in chain.from_iterable(groups):
        first.setdefault(entry.key, entry)
    facts += [publication.fact for publication in publications if publication.fact]
    new = _insert(connection, list(first.values()), now, facts)
    if new is None:
        return _store_the_rest(connection, publications, memory)
    known = _known(connection, first.keys() - new)
    became: list[Became] = []
    for own in groups:
        try:
            results = [
                _result(entry, first[entry.key], None if entry.key in new else known[entry.key]) for entry in own
            ]
        except OtherContent as error:
            became.append(error)
        else:
            ids = {entry.id for entry in own if entry.key in new and first[entry.key] is entry}
            became.append(Stored(results, ids, now, [entry.parcel for entry in own if entry.parcel]))
    return became


def _store_the_rest(
    connection: Connection, publications: Sequence[Publication], memory: KnownSubscribers | None
) -> list[Became]:
    """Store what rests on nothing that has changed, after some fact has."""
    if memory:
        memory.forget()
    database = dialect(connection)
    changed = {fact for each in publications if (fact := each.fact) and not database.hold(connection, [fact])}
    rest = [each._replace(fact=None) for each in publications if each.fact not in changed]
    stored = iter(store(connection, rest, memory) if rest else ())
    return [FactChanged() if each.fact in changed else next(stored) for each in publications]


def _entries(publications: Sequence[Publication], wanting: Wanting, now: datetime) -> list[list[_Entry]]:
    """Return the events of each publication with the webhooks that get them.

    Events without a time of their own get rising ones.

    Raises:
        TooManyDeliveries: the publications are too many for one transaction.
    """
    groups: list[list[_Entry]] = []
    rising = count()
    deliveries = 0
    for publication in publications:
        own: list[_Entry] = []
        for place, event in enumerate(publication.events):
            at = now + timedelta(microseconds=next(rising))
            but = publication.but[place] if publication.but else None
            webhooks = [
                webhook
                for webhook in wanting[publication.environment][event.type]
                if webhook.webhook_id != but and webhook.wants(event.data)
            ]
            id = event.id or new_event_id(at)
            body = render_body(id, publication.environment, event, at)
            own.append(_Entry(publication, place, id, event, webhooks, body))
        own_deliveries = sum(len(entry.webhooks) for entry in own)
        deliveries += own_deliveries
        if deliveries > TRANSACTION_MAX_DELIVERIES and len(publications) > 1:
            raise TooManyDeliveries
        if own_deliveries <= DELIVERIES_MAX:
            for entry in own:
                entry.lane = publication.lane if len(entry.body) <= BODY_MAX_BYTES else None
        groups.append(own)
    return groups


def _wanting(
    connection: Connection, publications: Sequence[Publication], memory: KnownSubscribers | None, now: datetime
) -> tuple[Wanting, list[Fact]]:
    """Return the active webhooks that want each type, and the facts that this rests on."""
    types: dict[str, set[str]] = defaultdict(set)
    for publication in publications:
        types[publication.environment].update(event.type for event in publication.events)
    found: Wanting = {}
    facts: list[Fact] = []
    for environment, wanted in types.items():
        if memory is None:
            found[environment] = subscribers(connection, environment, wanted)
        else:
            found[environment], own = memory.of(connection, environment, wanted, now)
            facts += own
    return found, facts


def _insert(connection: Connection, entries: Sequence[_Entry], now: datetime, facts: Sequence[Fact]) -> set[Key] | None:
    """Insert events with a delivery for each of their webhooks, but for events that exist already.

    Return the keys of the new ones. Deliveries that are leased to a lane are put into the parcels of their entries.
    Return ``None``, and insert nothing, if one of the ``facts`` doesn't hold any more.
    """
    database = dialect(connection)
    at, end = database.time_value(now), database.time_value(lease_end(now))
    events = [
        event_row(
            entry.id,
            entry.publication.environment,
            entry.event,
            entry.body,
            at,
            len(entry.webhooks),
            entry.publication.traceparent,
        )
        for entry in entries
    ]
    pairs = [(place, webhook) for place, entry in enumerate(entries) for webhook in entry.webhooks]
    deliveries = [_delivery_row(place, entries[place], webhook, at, end) for place, webhook in pairs]
    is_leased = any(row["lease_token"] for row in deliveries)
    keys = [(place, found) for place, entry in enumerate(entries) if (found := joined_keys_of(entry.event.data))]
    children = (
        Children(_DELIVERIES, *table_of(deliveries), has_ids=is_leased),
        Children(_KEYS, ("event_id", "keys"), keys),
    )
    born = database.insert_family(connection, Family(_EVENTS, _UNIQUE, *table_of(events), children), facts)
    if born is None:
        return None
    inserted = (pair for pair in zip(pairs, deliveries, strict=True) if pair[0][0] in born.parents)
    for id, ((place, webhook), row) in zip(born.children[0], inserted, strict=False):
        entry = entries[place]
        if row["lease_token"]:
            entry.parcel = entry.parcel or Parcel(
                entry.id, entry.event.type, row["environment"], entry.body.decode(), entry.publication.traceparent, []
            )
            entry.parcel.items.append(Item(id, webhook.webhook_id, webhook.version, webhook.fields))
    return {entries[place].key for place in born.parents}


def _delivery_row(place: int, entry: _Entry, webhook: Subscriber, at: Any, lease_end: Any) -> dict[str, Any]:
    """Return the row of a delivery, with the place of its event instead of the id.

    Args:
        at, lease_end: times in the form that the database takes.
    """
    lane = entry.lane if webhook.is_free else None
    return new_delivery(
        place,
        entry.event.type,
        webhook.webhook_id,
        entry.publication.environment,
        at,
        in_order=webhook.in_order,
        fields=webhook.fields,
        lease_token=lane,
        due_at=lease_end if lane else at,
    )


def table_of(rows: Sequence[Mapping[str, Any]]) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
    """Return the names and the values of rows that have the same names."""
    return tuple(rows[0]) if rows else (), [tuple(row.values()) for row in rows]


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


def _known(connection: Connection, keys: Collection[Key]) -> dict[Key, tuple[int, bytes]]:
    """Return the number of deliveries and the body of those events that are stored."""
    found: dict[Key, tuple[int, bytes]] = {}
    for environment, group in groupby(sorted(keys), lambda key: key[0]):
        own = Event.environment == environment, Event.public_id.in_([id for _, id in group])
        query = select(Event.public_id, Event.deliveries_count, Event.body).where(*own)
        for public_id, deliveries, body in connection.execute(query):
            found[environment, public_id] = deliveries, body
    return found


def _result(entry: _Entry, first: _Entry, known: tuple[int, bytes] | None) -> Published:
    """Return the answer for an event.

    Args:
        first: the first one of the same id.
        known: of the stored one, if the id was published before.

    Raises:
        OtherContent: the first one has other content.
    """
    deliveries, body = known or (len(first.webhooks), first.body)
    if (known or entry is not first) and not entry.event.is_told_by(body):
        is_within = known is None and entry.publication is first.publication
        raise OtherContent(entry.id, entry.place, is_within=is_within)
    return Published(entry.id, deliveries)
