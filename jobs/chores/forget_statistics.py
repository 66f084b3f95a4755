"""Forget statistics: delete the hours that no page shows any more, a batch at a time."""

import time
from datetime import datetime, timedelta

from sqlalchemy import Table, delete, select, tuple_

from webhooks_ui.database import write_transaction
from webhooks_ui.models import HourlyTotal, Stats, utcnow

FORGET_STATISTICS_SECONDS = 60  # between the runs
RUN_SECONDS = 2.0
BATCH_ROWS = 1_000  # in a transaction, for which publishers wait on SQLite
PAUSE_SECONDS = 0.005  # after each, so that those who wait get their turn
KEPT = timedelta(days=31)  # longer than the longest range of the charts


def forget_statistics() -> None:
    """Delete the statistics of old hours, for some seconds or until all are deleted."""
    ends_at, before = time.monotonic() + RUN_SECONDS, utcnow() - KEPT
    for table in (Stats.__table__, HourlyTotal.__table__):
        while _forget(table, before) and time.monotonic() < ends_at:
            time.sleep(PAUSE_SECONDS)


def _forget(table: Table, before: datetime) -> bool:
    """Delete some of the rows before a time. Return True if there may be more."""
    key = table.primary_key.columns
    old = select(*key).where(table.c.hour < before).order_by(table.c.hour).limit(BATCH_ROWS)
    with write_transaction() as connection:
        return connection.execute(delete(table).where(tuple_(*key).in_(old))).rowcount == BATCH_ROWS
