"""The pulse of a process: a thread that sends heartbeats and stores the counts of the metrics, every few seconds.

A heartbeat is written to the database, because Redis may be away or flushed while all is well. A process that is
stopped (SIGSTOP) sends none, and neither does one that is gone. What a process is to do shows in ``progressed_at``.
"""

import contextlib
import logging
import math
import os
import secrets
import socket
import threading
import time
from datetime import timedelta
from functools import cache
from typing import Any

from flask import Flask
from sqlalchemy import Connection, bindparam, delete, select
from sqlalchemy.exc import SQLAlchemyError

from webhooks_ui import __version__, counting, logs
from webhooks_ui.database import dialect, reason, write_transaction
from webhooks_ui.database.dialect import Dialect
from webhooks_ui.database.statements import Query
from webhooks_ui.models import Process, ProcessKind, utcnow
from webhooks_ui.models.process import ALIVE, BEAT_SECONDS, HOST_MAX_CHARACTERS

FORGET_AFTER = timedelta(minutes=10)  # a process of a machine that is gone
STOP_SECONDS = 2.0
CHANGING = ("beat_at", "progressed_at", "in_flight")

# SQLAlchemy's work on each execution would touch memory that the processes of ``make run`` share.
_COLUMNS: tuple[Any, ...] = Process.id, Process.pid
_HOST: Any = bindparam("host")
_FROM: Any = bindparam("earliest")
_UNTIL: Any = bindparam("latest")
_LATELY = Process.beat_at.between(_FROM, _UNTIL)
_SILENT = Query(select(*_COLUMNS).where(Process.host == _HOST, ~_LATELY))
_FORGET = Query(delete(Process).where(Process.id == bindparam("id")))
_FORGET_OLD = Query(delete(Process).where(Process.host != _HOST, ~_LATELY))

logger = logging.getLogger(__name__)


class Pulse:
    """The heartbeats of this process.

    Args:
        kind: what this process is.
    """

    def __init__(self, app: Flask, kind: ProcessKind) -> None:
        self.id = ""
        self._app = app
        self._kind = kind
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._pid = 0
        self._trouble = logs.Seldom(logger)
        self._started_at = self._progressed_at = utcnow()
        self._in_flight = 0
        self._wrote_at = -math.inf  # on the monotonic clock. After a failure again what it was at the start

    def start(self) -> None:
        """Start the thread, unless this process has started it already. A forked process starts its own."""
        if self._pid == os.getpid():
            return
        with self._lock:
            if self._pid == os.getpid():
                return
            self.id = secrets.token_hex(4)
            self._started_at = self._progressed_at = utcnow()
            logs.name_process(**{str(self._kind): self.id})
            self._stop = threading.Event()
            self._thread = threading.Thread(target=self._run, name="pulse", daemon=True)
            self._thread.start()
            self._pid = os.getpid()

    def progress(self, in_flight: int = 0) -> None:
        """Note that this process has done a part of its work.

        Args:
            in_flight: requests that it waits for.
        """
        self._progressed_at, self._in_flight = utcnow(), in_flight

    def wrote_within(self, seconds: float) -> bool:
        """Return True if the last heartbeat was written, and not longer ago than that."""
        return time.monotonic() - self._wrote_at < seconds

    def stop(self) -> None:
        """Store the last counts, and forget this process. If the database is away, give up."""
        started = self._thread if self._pid == os.getpid() else None
        if started:
            self._stop.set()
            started.join(STOP_SECONDS)
        with self._app.app_context(), contextlib.suppress(SQLAlchemyError):
            counting.flush(self._app)
            if started:
                with write_transaction() as connection:
                    _FORGET.rows(connection, {"id": self.id})

    def _run(self) -> None:
        while True:
            try:
                with self._app.app_context():
                    self.beat()
            except SQLAlchemyError as error:
                self._wrote_at = -math.inf
                self._trouble.say("No heartbeat can be written: %s", reason(error))
            except Exception:  # without heartbeats this process would count as stopped, so the thread must go on
                self._wrote_at = -math.inf
                logger.exception("No heartbeat can be written")
            else:
                self._wrote_at = time.monotonic()
                self._trouble.over("Heartbeats are written again.")
            if self._stop.wait(BEAT_SECONDS):
                return

    def beat(self) -> None:
        """Write a heartbeat and the counts, and forget processes that are gone."""
        row = {
            "id": self.id,
            "kind": str(self._kind),
            "host": _host(),
            "pid": os.getpid(),
            "version": __version__,
            "started_at": self._started_at,
            "beat_at": utcnow(),
            "progressed_at": self._progressed_at,
            "in_flight": self._in_flight,
        }
        with counting.taken(self._app) as counts, write_transaction() as connection:
            _write(dialect(connection)).rows(connection, row)  # type: ignore[arg-type]  # modules are hashable
            counting.store(connection, counts)
            _forget_the_dead(connection)


@cache
def _write(own: Dialect) -> Query:
    """Return the statement that writes a heartbeat."""
    insert = own.insert(Process.__table__)
    changed = {name: insert.excluded[name] for name in CHANGING}
    return Query(insert.on_conflict_do_update(index_elements=["id"], set_=changed))


def _host() -> str:
    return socket.gethostname()[:HOST_MAX_CHARACTERS]


def _forget_the_dead(connection: Connection) -> None:
    """Delete the rows of processes that ended without a word: those of this machine, and old ones of others."""
    now, host = utcnow(), _host()
    for id, pid in _SILENT.rows(connection, {"host": host, "earliest": now - ALIVE, "latest": now + ALIVE}):
        if not _runs(pid):
            _FORGET.rows(connection, {"id": id})
    _FORGET_OLD.rows(connection, {"host": host, "earliest": now - FORGET_AFTER, "latest": now + FORGET_AFTER})


def _runs(pid: int) -> bool:
    """Return True if a process with this id exists. A stopped one does."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
