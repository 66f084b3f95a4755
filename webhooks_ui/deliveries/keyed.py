"""Finds events and deliveries by the keys in their data (see ``events.keys``), and says since when that is possible."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, and_, func, literal, select

from webhooks_ui.database import db, dialect
from webhooks_ui.database.statements import Query
from webhooks_ui.events.keys import as_key
from webhooks_ui.models import Delivery, Environment, Event, EventKey, Setting

PREFIX_MIN_CHARACTERS = 3
KEYS_MAX = 1_000  # a text with which more keys begin is looked for delivery by delivery. An event may have several
DELIVERIES_MAX = 2_000
INDEXED_FROM = "event_keys_from"  # the setting with the lowest id of an event whose keys are stored
_FIRST = Query(  # built once, because each page of a search needs it
    select(
        select(Setting.value).where(Setting.name == INDEXED_FROM).scalar_subquery(),
        select(func.min(EventKey.event_id)).scalar_subquery(),
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
    rows = db.session.scalars(select(EventKey.event_id).where(_begins(key)).limit(KEYS_MAX + 1)).all()
    if not rows:
        return Keyed()
    if len(rows) <= KEYS_MAX:
        of_events = dialect(db.engine).among(Delivery.event_id, sorted(set(rows)))
        query = select(Delivery.id).where(of_events).limit(DELIVERIES_MAX + 1)
        ids = tuple(db.session.scalars(query))
        if len(ids) <= DELIVERIES_MAX:
            return Keyed(ids)
    # A scalar subquery runs row by row. For EXISTS, PostgreSQL would first hash all events with the key
    has_key = select(literal(True)).where(EventKey.event_id == Delivery.event_id, _begins(key)).limit(1)
    return Keyed(condition=has_key.correlate(Delivery).scalar_subquery())


def newest_events(text: str, limit: int) -> list[Event]:
    """Return the newest events with a key that is ``text`` or begins with it, or that have it as their id."""
    key = as_key(text)
    if len(key) < PREFIX_MIN_CHARACTERS:
        return []
    exact = select(EventKey.event_id).where(EventKey.value == key).order_by(EventKey.event_id.desc()).limit(limit)
    ids = set(db.session.scalars(exact))
    if len(ids) < limit:
        ids |= set(db.session.scalars(select(EventKey.event_id).where(_begins(key)).limit(KEYS_MAX)))
    ids |= set(events_with_id(text.strip(), limit))
    query = select(Event).where(Event.id.in_(sorted(ids)[-limit:])).order_by(Event.id.desc())
    return list(db.session.scalars(query))


def events_with_id(text: str, limit: int) -> list[int]:
    """Return the events whose id is ``text`` or begins with it."""
    query = select(Event.id).where(Event.environment.in_(list(Environment)), id_begins(text)).limit(limit)
    return list(db.session.scalars(query))


def id_begins(text: str) -> ColumnElement[bool]:
    """Return the condition that the id of an event is ``text`` or begins with it."""
    return and_(Event.public_id >= text, Event.public_id < f"{text}\x7f")


def searchable_since() -> datetime | None:
    """Return since when events can be found by their keys, or ``None`` if all can.

    Older ones are still to be read by the chore ``index_keys``.
    """
    stored, key, event = _FIRST.rows(db.session.connection(), {})[0]
    first = key if stored is None else stored
    if event is None or (first is not None and first <= event):
        return None
    of_first = select(Event.created_at).where(Event.id >= (first or 0)).order_by(Event.id).limit(1)
    return db.session.scalar(of_first)


def _begins(key: str) -> ColumnElement[bool]:
    return and_(EventKey.value >= key, EventKey.value < f"{key}\U0010ffff")
