"""Finds rows by creation time through the primary key. An index on the time would slow down each write."""

from datetime import datetime, timedelta

from sqlalchemy import func, select

from webhooks_ui.database import db
from webhooks_ui.database.statements import Query
from webhooks_ui.models import Delivery, Event

CLOCK_SLACK = timedelta(minutes=5)  # a row with a higher id may have a time that is at most this much earlier
_HIGHEST = {table: Query(select(func.max(table.id))) for table in (Delivery, Event)}


def first_id_at(table: type[Delivery] | type[Event], at: datetime) -> int:
    """Return the first id of a row created at ``at`` or later, or the id after the last row. Use a binary search."""
    low = db.session.scalar(select(func.min(table.id))) or 0
    high = highest_id(table) + 1
    while low < high:
        middle = (low + high) // 2
        query = select(table.id, table.created_at).where(table.id >= middle).order_by(table.id).limit(1)
        row = db.session.execute(query).first()
        if row is None or row.created_at >= at:
            high = middle
        else:
            low = row.id + 1
    return low


def highest_id(table: type[Delivery] | type[Event]) -> int:
    """Return the id of the newest row, or 0 if there is none."""
    return _HIGHEST[table].rows(db.session.connection(), {})[0][0] or 0
