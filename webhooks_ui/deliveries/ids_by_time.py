"""Finds rows by their time of creation through the primary key, since an index on the time would cost each write."""

from datetime import datetime, timedelta

from sqlalchemy import func, select

from webhooks_ui.database import db
from webhooks_ui.models import Delivery, Event

CLOCK_SLACK = timedelta(minutes=5)  # ids and times of creation rise together at least this closely


def first_id_at(table: type[Delivery] | type[Event], at: datetime) -> int:
    """The first id of a row that was created at ``at`` or later, or the one after the last: a binary search."""
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
    """The youngest row's id; 0 if there is none."""
    return db.session.scalar(select(func.max(table.id))) or 0
