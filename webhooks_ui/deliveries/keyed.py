"""Finds events and deliveries by the keys in their data (see ``events.keys``), and says since when that is possible.

The keys of new events are in another table until the chore ``index_keys`` moves them. One statement asks both tables,
so that no key is moved past a search.
"""

from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Connection,
    Integer,
    Select,
    String,
    and_,
    bindparam,
    func,
    literal,
    literal_column,
    or_,
    select,
    union_all,
)

from webhooks_ui.database import db, dialect
from webhooks_ui.database.statements import Query
from webhooks_ui.events.check import ID
from webhooks_ui.events.keys import SEPARATOR, as_key, joined
from webhooks_ui.models import Delivery, Environment, Event, EventKey, FreshKeys, Setting
from webhooks_ui.models.setting import as_id

PREFIX_MIN_CHARACTERS = 3
KEYS_MAX = 1_000  # a text with which more keys begin is looked for delivery by delivery. An event may have several
DELIVERIES_MAX = 2_000
FRESH = 0  # the place of the fresh keys among the tables that a search asks
INDEXED_FROM = "event_keys_from"  # the setting with the lowest id of an event whose keys are stored
# Built once, because each page of a search needs them
_LOW: Any = bindparam("low")
_HIGH: Any = bindparam("high")
_MOST = bindparam("most", type_=Integer)
_ENVIRONMENTS: list[Any] = [literal_column(f"'{name}'") for name in Environment]


def _first_of_each(*queries: Select[Any]) -> CompoundSelect[Any]:
    """Return the rows of all queries, each with the place of its query. SQLite limits only a subquery in a UNION."""
    parts = [query.limit(_MOST).subquery().c for query in queries]
    return union_all(*(select(part.event_id, literal_column(str(place))) for place, part in enumerate(parts)))


def _fresh(connection: Connection) -> Select[Any]:
    contains = dialect(connection).contains(FreshKeys.keys, bindparam("text", type_=String))
    return select(FreshKeys.event_id).where(contains).order_by(FreshKeys.event_id.desc())


_BEGINNING = Query(
    lambda connection: _first_of_each(
        _fresh(connection), select(EventKey.event_id).where(EventKey.value >= _LOW, EventKey.value < _HIGH)
    )
)
_EXACT = Query(
    lambda connection: _first_of_each(
        _fresh(connection),
        select(EventKey.event_id).where(EventKey.value == _LOW).order_by(EventKey.event_id.desc()),
    )
)
_OF_IDS = Query(
    select(Event.id)
    .where(Event.environment.in_(_ENVIRONMENTS), Event.public_id >= _LOW, Event.public_id < _HIGH)
    .limit(_MOST)
)
_FIRST = Query(
    select(
        select(Setting.value).where(Setting.name == INDEXED_FROM).scalar_subquery(),
        select(func.min(EventKey.event_id)).scalar_subquery(),
        select(func.min(FreshKeys.event_id)).scalar_subquery(),
        select(func.min(Event.id)).scalar_subquery(),
    )
)


class Keyed(NamedTuple):
    """The deliveries of events that have a key."""

    ids: tuple[int, ...] = ()
    condition: ColumnElement[bool] | None = None  # of each delivery, if there are too many ids


def deliveries_with_key(text: str) -> Keyed:
    """Return the deliveries of the events with a key that is ``text`` or begins with it."""
    key = as_key(text)
    if len(key) < PREFIX_MIN_CHARACTERS:
        return Keyed()
    rows = _events_beginning(key, KEYS_MAX + 1)
    events = {id for id, _ in rows}
    if not events:
        return Keyed()
    if len(rows) <= KEYS_MAX:
        of_events = dialect(db.engine).among(Delivery.event_id, sorted(events))
        query = select(Delivery.id).where(of_events).limit(DELIVERIES_MAX + 1)
        ids = tuple(db.session.scalars(query))
        if len(ids) <= DELIVERIES_MAX:
            return Keyed(ids)
    # A scalar subquery runs row by row. For EXISTS, PostgreSQL would first hash all events with the key
    has_key = select(literal(True)).where(EventKey.event_id == Delivery.event_id, _begins(key)).limit(1)
    condition: ColumnElement[bool] = has_key.correlate(Delivery).scalar_subquery()
    if any(place == FRESH for _, place in rows):
        begins = dialect(db.engine).contains(FreshKeys.keys, f"{SEPARATOR}{key}")
        is_fresh = select(begins).where(FreshKeys.event_id == Delivery.event_id)
        condition = or_(condition, is_fresh.correlate(Delivery).scalar_subquery())
    return Keyed(condition=condition)


def newest_events(text: str, limit: int) -> list[Event]:
    """Return the newest events with a key that is ``text`` or begins with it, or that have it as their id."""
    key = as_key(text)
    if len(key) < PREFIX_MIN_CHARACTERS:
        return []
    exact = {"text": joined([key]), "low": key, "most": limit}
    ids = {id for id, _ in _EXACT.rows(db.session.connection(), exact)}
    if len(ids) < limit:
        ids |= {id for id, _ in _events_beginning(key, KEYS_MAX)}
    ids |= set(events_with_id(text.strip(), limit))
    query = select(Event).where(Event.id.in_(sorted(ids)[-limit:])).order_by(Event.id.desc())
    return list(db.session.scalars(query))


def events_with_id(text: str, limit: int) -> list[int]:
    """Return the events whose id is ``text`` or begins with it."""
    if not ID.fullmatch(text):
        return []
    rows = _OF_IDS.rows(db.session.connection(), {"low": text, "high": _after_ids(text), "most": limit})
    return [id for (id,) in rows]


def id_begins(text: str) -> ColumnElement[bool]:
    """Return the condition that the id of an event is ``text`` or begins with it."""
    return and_(Event.public_id >= text, Event.public_id < _after_ids(text))


def searchable_since() -> datetime | None:
    """Return since when events can be found by their keys, or ``None`` if all can.

    Older ones are still to be read by the chore ``index_keys``.
    """
    kept, key, fresh, event = _FIRST.rows(db.session.connection(), {})[0]
    stored = as_id(kept)
    first = (fresh if key is None else key) if stored is None else stored
    if event is None or (first is not None and first <= event):
        return None
    of_first = select(Event.created_at).where(Event.id >= (first or 0)).order_by(Event.id).limit(1)
    return db.session.scalar(of_first)


def _events_beginning(key: str, most: int) -> list[tuple[Any, ...]]:
    """Return the first events of each table with a key that begins with ``key``, and the place of the table."""
    values = {"text": f"{SEPARATOR}{key}", "low": key, "high": _after_keys(key), "most": most}
    return _BEGINNING.rows(db.session.connection(), values)


def _begins(key: str) -> ColumnElement[bool]:
    return and_(EventKey.value >= key, EventKey.value < _after_keys(key))


def _after_keys(key: str) -> str:
    """Return a text after all keys that begin with ``key``."""
    return f"{key}\U0010ffff"


def _after_ids(text: str) -> str:
    """Return a text after all ids of events that begin with ``text``. They are ASCII."""
    return f"{text}\x7f"
