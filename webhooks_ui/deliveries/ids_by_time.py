"""Finds rows by creation time through the primary key. An index on the time would slow down each write."""

from datetime import datetime, timedelta

from sqlalchemy import Select, bindparam, func, select, union_all

from webhooks_ui.database import db
from webhooks_ui.database.statements import Query
from webhooks_ui.models import Delivery, Event

CLOCK_SLACK = timedelta(minutes=5)  # a row with a higher id may have a time that is at most this much earlier
_PLACES = ("first", "second", "third")


def _row_from(table: type[Delivery] | type[Event], place: str) -> Select[int, datetime]:
    """Return the query for the first row whose id is the parameter ``place`` or higher."""
    first = select(table.id, table.created_at).where(table.id >= bindparam(place)).order_by(table.id).limit(1)
    return select(first.subquery())


_HIGHEST = {table: Query(select(func.max(table.id))) for table in (Delivery, Event)}
_FROM = {table: Query(union_all(*(_row_from(table, place) for place in _PLACES))) for table in (Delivery, Event)}


def first_id_at(table: type[Delivery] | type[Event], at: datetime) -> int:
    """Return the first id of a row created at ``at`` or later, or the id after the last row. Use a binary search.

    Of three rows, the one with the time in the middle decides. So rows from a moment in which the clock was wrong don't
    lead away from all others.
    """
    low = db.session.scalar(select(func.min(table.id))) or 0
    high = highest_id(table) + 1
    while low < high:
        places = {name: low + (high - low) * quarter // 4 for quarter, name in enumerate(_PLACES, 1)}
        rows = sorted((time, id) for id, time in _FROM[table].rows(db.session.connection(), places))
        time, id = rows[len(rows) // 2] if rows else (at, high)
        if time >= at:
            high = max(place for place in places.values() if place <= id)
        else:
            low = id + 1
    return low


def highest_id(table: type[Delivery] | type[Event]) -> int:
    """Return the id of the newest row, or 0 if there is none."""
    return _HIGHEST[table].rows(db.session.connection(), {})[0][0] or 0
