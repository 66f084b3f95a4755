"""Lets SQLite's writers wait for each other a millisecond at a time. SQLite itself makes them sleep up to 100 ms.

They wait for a lock (flock) on a file beside the database, which is gone with a process that dies. It is only
courtesy: what SQLite guarantees doesn't depend on it, and who waited long enough goes on without.
"""

import fcntl
import os
import sqlite3
import threading
import time
from typing import Any

PATIENCE_SECONDS = 5.0
PAUSE_SECONDS = 0.001

_writing = threading.local()


class QueueingConnection(sqlite3.Connection):
    """A connection that waits in the queue before it begins to write."""

    def __init__(self, database: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(database, *args, **kwargs)
        self._queue: int | None = None
        path = os.fsdecode(database).removeprefix("file:").partition("?")[0]
        self._path = None if path in ("", ":memory:") else f"{path}-writers"

    def begin_writing(self) -> None:
        """Begin a transaction that holds SQLite's write lock.

        Raises:
            RuntimeError: this thread already writes on another connection and would wait for itself.
            sqlite3.OperationalError: the lock wasn't free within the busy timeout.
        """
        if getattr(_writing, "connection", None) not in (None, self):
            raise RuntimeError("this thread already writes to the database: commit first")
        if self._path and self._queue is None:
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
        """Wait for the lock, but not for a holder that was stopped: then SQLite's own wait decides."""
        until = time.monotonic() + PATIENCE_SECONDS
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
