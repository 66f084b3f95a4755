"""Forget statistics: delete the hours that no page shows any more, a batch at a time."""

from datetime import datetime
from functools import partial

from sqlalchemy import Table, delete, select, tuple_

from jobs.chores.trusted_time import trusted_time
from jobs.chores.turn import take_turn
from webhooks_ui.database import write_transaction
from webhooks_ui.models import HourlyTotal, Stats
from webhooks_ui.webhooks.stats import KEPT

FORGET_STATISTICS_SECONDS = 60  # between the runs
BATCH_ROWS = 1_000  # in a transaction, for which publishers wait on SQLite


def forget_statistics() -> None:
    """Delete the statistics of old hours, for some seconds or until all are deleted."""
    before = trusted_time() - KEPT
    take_turn(*(partial(_forget, table, before) for table in (Stats.__table__, HourlyTotal.__table__)))


def _forget(table: Table, before: datetime) -> bool:
    """Delete some of the rows before a time. Return True if there may be more."""
    key = table.primary_key.columns
    old = select(*key).where(table.c.hour < before).order_by(table.c.hour).limit(BATCH_ROWS)
    with write_transaction() as connection:
        return connection.execute(delete(table).where(tuple_(*key).in_(old))).rowcount == BATCH_ROWS
