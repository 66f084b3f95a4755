"""Index keys: store the keys of events that were published before keys were stored, a small batch at a time.

It goes back from the newest event to the oldest one, and keeps its place in the settings.
"""

import time

from sqlalchemy import Connection, func, select

from webhooks_ui.database import db, dialect, release, write_transaction
from webhooks_ui.deliveries.keyed import INDEXED_FROM
from webhooks_ui.events import strict_json
from webhooks_ui.events.keys import keys_of
from webhooks_ui.models import Event, EventKey, Setting

INDEX_KEYS_SECONDS = 10  # between the runs
RUN_SECONDS = 2.0
BATCH_EVENTS = 200


def index_keys() -> None:
    """Index older events for some seconds, unless all are indexed."""
    ends_at = time.monotonic() + RUN_SECONDS
    while _step() and time.monotonic() < ends_at:
        pass


def _step() -> bool:
    """Index the next older events. Return True if there may be more."""
    place = db.session.scalar(select(Setting.value).where(Setting.name == INDEXED_FROM))
    if place is None:
        place = (db.session.scalar(select(func.max(Event.id))) or 0) + 1
    older = select(Event.id, Event.body).where(Event.id < place).order_by(Event.id.desc()).limit(BATCH_EVENTS)
    events = db.session.execute(older).all() if place else []
    release()  # the data is read without a lock
    if not place:
        return False
    rows = [{"value": key, "event_id": id} for id, body in events for key in _keys(body)]
    with write_transaction() as connection:
        _keep(connection, rows, events[-1].id if len(events) == BATCH_EVENTS else 0)
    return len(events) == BATCH_EVENTS


def _keys(body: bytes) -> set[str]:
    data = strict_json.load_members(body)["data"].value
    return keys_of(data) if isinstance(data, dict) else set()


def _keep(connection: Connection, rows: list[dict[str, object]], place: int) -> None:
    """Store the keys, unless they are there or a purge has deleted their event meanwhile, and the place."""
    own = dialect(connection)
    ids = {row["event_id"] for row in rows}
    left = set(connection.execute(select(Event.id).where(Event.id.in_(ids))).scalars()) if ids else set()
    kept = [row for row in rows if row["event_id"] in left]
    if kept:
        connection.execute(own.insert(EventKey.__table__).on_conflict_do_nothing(), kept)
    statement = own.insert(Setting.__table__).values(name=INDEXED_FROM, value=place)
    connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_={"value": place}))
