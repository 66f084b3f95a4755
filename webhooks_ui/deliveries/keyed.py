"""Finds events and deliveries by the keys in their data (see ``events.keys``), and says since when that is possible.

The keys of new events are in another table until the chore ``index_keys`` moves them. It is asked first, so that no key
is moved past a search.
"""

from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Integer, String, and_, bindparam, func, literal, literal_column, or_, select

from webhooks_ui.database import db, dialect
from webhooks_ui.database.statements import Query
from webhooks_ui.events.keys import SEPARATOR, as_key
from webhooks_ui.models import Delivery, Environment, Event, EventKey, FreshKeys, Setting
from webhooks_ui.models.setting import as_id

PREFIX_MIN_CHARACTERS = 3
KEYS_MAX = 1_000  # a text with which more keys begin is looked for delivery by delivery. An event may have several
DELIVERIES_MAX = 2_000
INDEXED_FROM = "event_keys_from"  # the setting with the lowest id of an event whose keys are stored
# Built once, because each page of a search needs them
_LOW: Any = bindparam("low")
_HIGH: Any = bindparam("high")
_MOST = bindparam("most", type_=Integer)
_ENVIRONMENTS: list[Any] = [literal_column(f"'{name}'") for name in Environment]

_OF_KEYS = Query(select(EventKey.event_id).where(EventKey.value >= _LOW, EventKey.value < _HIGH).limit(_MOST))
_OF_FRESH_KEYS = Query(
    lambda connection: (
        select(FreshKeys.event_id)
        .where(dialect(connection).contains(FreshKeys.keys, bindparam("text", type_=String)))
        .order_by(FreshKeys.event_id.desc())
        .limit(_MOST)
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
    fresh = _first_fresh(key, KEYS_MAX + 1)
    events = [*fresh, *_first_of(_OF_KEYS, key, _after_keys(key), KEYS_MAX + 1)]
    if not events:
        return Keyed()
    if len(events) <= KEYS_MAX:
        of_events = dialect(db.engine).among(Delivery.event_id, sorted(set(events)))
        query = select(Delivery.id).where(of_events).limit(DELIVERIES_MAX + 1)
        ids = tuple(db.session.scalars(query))
        if len(ids) <= DELIVERIES_MAX:
            return Keyed(ids)
    # A scalar subquery runs row by row. For EXISTS, PostgreSQL would first hash all events with the key
    has_key = select(literal(True)).where(EventKey.event_id == Delivery.event_id, _begins(key)).limit(1)
    condition: ColumnElement[bool] = has_key.correlate(Delivery).scalar_subquery()
    if fresh:
        begins = dialect(db.engine).contains(FreshKeys.keys, f"{SEPARATOR}{key}")
        is_fresh = select(begins).where(FreshKeys.event_id == Delivery.event_id)
        condition = or_(condition, is_fresh.correlate(Delivery).scalar_subquery())
    return Keyed(condition=condition)


def newest_events(text: str, limit: int) -> list[Event]:
    """Return the newest events with a key that is ``text`` or begins with it, or that have it as their id."""
    key = as_key(text)
    if len(key) < PREFIX_MIN_CHARACTERS:
        return []
    exact = select(EventKey.event_id).where(EventKey.value == key).order_by(EventKey.event_id.desc()).limit(limit)
    ids = {*_first_fresh(f"{key}{SEPARATOR}", limit), *db.session.scalars(exact)}
    if len(ids) < limit:
        ids |= set(_first_fresh(key, limit))
        ids |= set(_first_of(_OF_KEYS, key, _after_keys(key), KEYS_MAX))
    ids |= set(events_with_id(text.strip(), limit))
    query = select(Event).where(Event.id.in_(sorted(ids)[-limit:])).order_by(Event.id.desc())
    return list(db.session.scalars(query))


def events_with_id(text: str, limit: int) -> list[int]:
    """Return the events whose id is ``text`` or begins with it."""
    return _first_of(_OF_IDS, text, _after_ids(text), limit)


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


def _first_fresh(key: str, most: int) -> list[int]:
    """Return the newest events with a key that begins with ``key``, and stands in the table of fresh keys."""
    values = {"text": f"{SEPARATOR}{key}", "most": most}
    return [id for (id,) in _OF_FRESH_KEYS.rows(db.session.connection(), values)]


def _first_of(query: Query, low: str, high: str, most: int) -> list[int]:
    return [id for (id,) in query.rows(db.session.connection(), {"low": low, "high": high, "most": most})]


def _begins(key: str) -> ColumnElement[bool]:
    return and_(EventKey.value >= key, EventKey.value < _after_keys(key))


def _after_keys(key: str) -> str:
    """Return a text after all keys that begin with ``key``."""
    return f"{key}\U0010ffff"


def _after_ids(text: str) -> str:
    """Return a text after all ids of events that begin with ``text``. They are ASCII."""
    return f"{text}\x7f"
