"""Index keys: make rows of the keys of new events, and store those of events from before keys were stored.

A publisher stores all keys of an event in one row. To store each where it is found fast would cost it several times as
much, because each key of an event stands in another place there.

Events from before are read from the newest to the oldest one. The place is kept in the settings.
"""

import logging
from collections.abc import Sequence

from sqlalchemy import Connection, delete, func, select

from jobs.chores.places import keep_place, kept_place
from jobs.chores.turn import take_turn
from webhooks_ui.database import db, dialect, release, write_transaction
from webhooks_ui.deliveries.keyed import INDEXED_FROM
from webhooks_ui.events import strict_json
from webhooks_ui.events.keys import keys_of, split
from webhooks_ui.models import Event, EventKey, FreshKeys

INDEX_KEYS_SECONDS = 5  # between the runs
BATCH_EVENTS = 100  # in a transaction, for which publishers wait on SQLite

logger = logging.getLogger(__name__)

Row = tuple[str, int]  # of a key: its value, and the id of its event


def index_keys() -> None:
    """Index new events, and then older ones, for some seconds or until all are indexed."""
    take_turn(_move, _step_back)


def _move() -> bool:
    """Index the next new events. Return True if there may be more."""
    if db.session.scalar(select(FreshKeys.event_id).limit(1)) is None:
        return False
    release()
    first = select(FreshKeys.event_id).order_by(FreshKeys.event_id).limit(BATCH_EVENTS)
    take = delete(FreshKeys).where(FreshKeys.event_id.in_(first)).returning(FreshKeys.event_id, FreshKeys.keys)
    with write_transaction() as connection:
        taken = connection.execute(take).all()
        _store(connection, [(key, id) for id, keys in taken for key in set(split(keys))])
    return len(taken) == BATCH_EVENTS


def _step_back() -> bool:
    """Index the next older events. Return True if there may be more."""
    place = kept_place(INDEXED_FROM)
    if place is None:
        place = (db.session.scalar(select(func.max(Event.id))) or 0) + 1
    older = select(Event.id, Event.body).where(Event.id < place).order_by(Event.id.desc()).limit(BATCH_EVENTS)
    events = db.session.execute(older).all() if place else []
    release()  # the data is read without a lock
    if not place:
        return False
    rows = [(key, id) for id, body in events for key in _keys(id, body)]
    with write_transaction() as connection:
        _keep(connection, rows, events[-1].id if len(events) == BATCH_EVENTS else 0)
    return len(events) == BATCH_EVENTS


def _keys(id: int, body: bytes) -> set[str]:
    """Return the keys in an event's body. One that another version or a person wrote may be anything."""
    try:
        data = strict_json.load_members(body)["data"].value
    except (ValueError, TypeError, LookupError) as error:
        logger.warning("Event %d can't be found by its keys, because its body can't be read: %s", id, error)
        return set()
    return keys_of(data) if isinstance(data, dict) else set()


def _keep(connection: Connection, rows: Sequence[Row], place: int) -> None:
    """Store the keys, unless a purge has deleted their event meanwhile, and the place."""
    ids = {id for _, id in rows}
    left = set(connection.execute(select(Event.id).where(Event.id.in_(ids))).scalars()) if ids else set()
    _store(connection, [row for row in rows if row[1] in left])
    keep_place(connection, INDEXED_FROM, place)


def _store(connection: Connection, rows: Sequence[Row]) -> None:
    """Store keys that aren't stored yet, in the order in which the index has them."""
    columns = "value", "event_id"
    dialect(connection).insert_many(connection, EventKey.__table__, columns, sorted(rows), "ON CONFLICT DO NOTHING")
