"""The database: the base of the tables, transactions, and the differences between SQLite and PostgreSQL."""

from webhooks_ui.database.asides import write_aside
from webhooks_ui.database.dialect import dialect, driver_words, is_conflict, outage, reason
from webhooks_ui.database.kept_connections import KeptConnections, kept_connections
from webhooks_ui.database.tables import db
from webhooks_ui.database.transactions import (
    after_commit,
    after_write,
    release,
    single_query,
    write_transaction,
    writing,
)

__all__ = [
    "KeptConnections",
    "after_commit",
    "after_write",
    "db",
    "dialect",
    "driver_words",
    "is_conflict",
    "kept_connections",
    "outage",
    "reason",
    "release",
    "single_query",
    "write_aside",
    "write_transaction",
    "writing",
]
