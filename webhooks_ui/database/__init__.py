"""The database: its tables' base, its transactions, and what its two kinds do differently."""

from webhooks_ui.database.dialect import dialect
from webhooks_ui.database.tables import db
from webhooks_ui.database.transactions import after_commit, release, single_query, write_transaction, writing

__all__ = ["after_commit", "db", "dialect", "release", "single_query", "write_transaction", "writing"]
