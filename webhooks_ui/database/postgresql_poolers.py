"""Poolers such as PgBouncer. They may give each transaction another session on the server, and others the same one.

So nothing may be left in a session. A prepared statement is missing in the next one, or is that of another process
under the same name. A setting holds for whoever gets the session later.
"""

from typing import Any

import psycopg


def prepare_for_pooler(connection: psycopg.Connection[Any], pid: int) -> None:
    """Prepare no statements if the server's process ``pid`` isn't the one that a pooler told instead."""
    if pid != connection.info.backend_pid:
        connection.prepare_threshold = None


def is_pooled(connection: psycopg.Connection[Any]) -> bool:
    return connection.prepare_threshold is None
