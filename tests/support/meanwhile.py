"""Tells when something waits for what the test does at the same time."""

import sys
import threading

from sqlalchemy import Connection, text


def waits(thread: threading.Thread, name: str, connection: Connection) -> bool:
    """Return True if the function ``name`` in ``thread`` waits for the transaction of ``connection``."""
    frame, names = sys._current_frames().get(thread.ident or 0), set()
    while frame:
        names.add(frame.f_code.co_name)
        frame = frame.f_back
    if connection.dialect.name == "sqlite":
        return {name, "_enter"} <= names
    connection.execute(text("SELECT pg_stat_clear_snapshot()"))  # else a transaction sees what it saw at first
    waiting = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
    return name in names and connection.scalar(waiting) == 1
