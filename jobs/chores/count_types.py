"""Count types: keep how many events of each type there were in each hour, and how many deliveries they made.

The overview shows them. Each event is counted once, in the order of ids. An existing database is counted from the
start of the longest range on, some seconds at a time.
"""

from collections import Counter
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, select

from jobs.chores.places import kept_place
from jobs.chores.trusted_time import trusted_time
from jobs.chores.turn import take_turn
from webhooks_ui.database import db, dialect, release, write_transaction
from webhooks_ui.deliveries.by_type import COUNTED_TO
from webhooks_ui.deliveries.ids_by_time import CLOCK_SLACK, first_id_at, highest_id
from webhooks_ui.models import Event, Setting, TypeTotal, utcnow
from webhooks_ui.webhooks.stats import KEPT, RANGES

COUNT_TYPES_SECONDS = 60  # between the runs
BATCH_EVENTS = 10_000
SETTLED_AFTER = timedelta(minutes=1)  # then no transaction is open any more that gave its events lower ids

KEY = ("hour", "environment", "type")
Key = tuple[datetime, str, str]  # the values of ``KEY``


def count_types() -> None:
    """Count what was published since the last run, for some seconds."""
    take_turn(_step)


def _step() -> bool:
    """Count the next events. Return True if there may be more."""
    now = utcnow()
    place = kept_place(COUNTED_TO)
    # SQLite gives the ids of purged events again, if these were the newest.
    after = _start(now) if place is None else min(place, highest_id(Event))
    columns = Event.id, Event.created_at, Event.environment, Event.type, Event.deliveries_count
    query = select(*columns).where(Event.id > after).order_by(Event.id).limit(BATCH_EVENTS)
    events: Counter[Key] = Counter()
    deliveries: Counter[Key] = Counter()
    last = after
    for id, created_at, environment, type, made in db.session.execute(query):
        if now - SETTLED_AFTER < created_at <= now + CLOCK_SLACK:
            break  # one from a later time was stored by a clock that was wrong, and the next ones needn't wait for it
        key = created_at.replace(minute=0, second=0, microsecond=0), environment, type
        events[key] += 1
        deliveries[key] += made
        last = id
    forgotten = trusted_time() - KEPT
    release()  # everything was read without a lock
    with write_transaction() as connection:
        if _moves(connection, place, last):
            if place is None and events:  # these may have been counted up to a place that was lost
                connection.execute(delete(TypeTotal).where(TypeTotal.hour >= min(events)[0]))
            _add(connection, events, deliveries)
            connection.execute(delete(TypeTotal).where(TypeTotal.hour < forgotten))
    return events.total() == BATCH_EVENTS


def _start(now: datetime) -> int:
    """Return the id after which an existing database is counted."""
    start = min(span.start(now) for span in RANGES.values())
    return first_id_at(Event, start - CLOCK_SLACK) - 1


def _moves(connection: Connection, place: int | None, to: int) -> bool:
    """Keep the new place. Return False if another scheduler has counted from ``place`` meanwhile, or nothing is new."""
    own = dialect(connection)
    if place is None:
        insert = own.insert(Setting.__table__).values(name=COUNTED_TO, value=to).on_conflict_do_nothing()
        return connection.execute(insert.returning(Setting.name)).first() is not None
    known = select(Setting.value).where(Setting.name == COUNTED_TO).with_for_update()
    if to == place or connection.execute(known).scalar() != place:
        return False
    connection.execute(Setting.__table__.update().where(Setting.name == COUNTED_TO).values(value=to))
    return True


def _add(connection: Connection, events: Counter[Key], deliveries: Counter[Key]) -> None:
    """Add the counts to those that are known."""
    rows = [dict(zip(KEY, key, strict=True), events=count, deliveries=deliveries[key]) for key, count in events.items()]
    if not rows:
        return
    table = TypeTotal.__table__
    statement = dialect(connection).insert(table)
    sums = {name: table.c[name] + statement.excluded[name] for name in ("events", "deliveries")}
    connection.execute(statement.on_conflict_do_update(index_elements=KEY, set_=sums), rows)
