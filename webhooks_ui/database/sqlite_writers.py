"""Makes SQLite's writers queue with pauses of 1 ms. SQLite's own pauses are up to 100 ms.

Writers wait for a lock (flock) on a file beside the database. The system releases the lock when a process dies. The
lock only saves time: SQLite's guarantees don't depend on it, and a writer that waited too long continues without it.
"""

import contextlib
import fcntl
import os
import sqlite3
import threading
import time
from typing import Any

from webhooks_ui.private_files import create_file

PATIENCE_SECONDS = 5.0
PAUSE_SECONDS = 0.001

_writing = threading.local()


class QueueingConnection(sqlite3.Connection):
    """A connection that queues before it begins to write."""

    def __init__(self, database: Any, *args: Any, **kwargs: Any) -> None:
        name = os.fsdecode(database)
        if name not in ("", ":memory:") and not name.startswith("file:"):
            create_file(name)  # SQLite would let all users read a new one
        super().__init__(database, *args, **kwargs)
        self.patience_seconds = PATIENCE_SECONDS
        self._queue: int | None = None
        path = name.removeprefix("file:").partition("?")[0] if name.startswith("file:") else name
        self._path = None if path in ("", ":memory:") else f"{path}-writers"

    def begin_writing(self) -> None:
        """Begin a transaction that holds SQLite's write lock.

        Raises:
            RuntimeError: This thread already writes on another connection, and would wait for itself.
            sqlite3.OperationalError: The lock wasn't free within the busy timeout.
        """
        if getattr(_writing, "connection", None) not in (None, self):
            raise RuntimeError("This thread already writes to the database on another connection: commit first.")
        if self._path and self._queue is None:
            with contextlib.suppress(OSError):  # SQLite says what is wrong with the files
                self._queue = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._enter()
        try:
            self.execute("BEGIN IMMEDIATE")
        except BaseException:
            self._leave()
            raise
        _writing.connection = self

    def commit(self) -> None:
        super().commit()
        self._leave()

    def rollback(self) -> None:
        try:
            super().rollback()
        finally:
            self._leave()

    def close(self) -> None:
        super().close()
        self._leave()
        if self._queue is not None:
            os.close(self._queue)
            self._queue = None

    def _enter(self) -> None:
        """Wait for the lock, but not for ever, because a stopped process may hold it."""
        until = time.monotonic() + self.patience_seconds
        while self._queue is not None and time.monotonic() < until:
            try:
                fcntl.flock(self._queue, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                time.sleep(PAUSE_SECONDS)

    def _leave(self) -> None:
        if self._queue is not None:
            fcntl.flock(self._queue, fcntl.LOCK_UN)
        if getattr(_writing, "connection", None) is self:
            _writing.connection = None
