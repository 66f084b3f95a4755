"""A process that runs: a web server, a worker or a scheduler. Its row is its heartbeat."""

from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import ColumnElement, String
from sqlalchemy.orm import Mapped, mapped_column

from webhooks_ui.database import db
from webhooks_ui.models.types import UtcDateTime

BEAT_SECONDS = 3.0  # between heartbeats
ALIVE = timedelta(seconds=10)  # a process that has been silent for longer is stopped, hangs, or is gone
HOST_MAX_CHARACTERS = 253  # RFC 1035, 2.3.4


class ProcessKind(StrEnum):
    WEB = "web"
    WORKER = "worker"
    SCHEDULER = "scheduler"


class Process(db.Model):  # type: ignore[name-defined,misc]
    __tablename__ = "processes"

    id: Mapped[str] = mapped_column(String(16), primary_key=True)  # random, and new for each start
    kind: Mapped[str] = mapped_column(String(16))
    host: Mapped[str] = mapped_column(String(HOST_MAX_CHARACTERS))
    pid: Mapped[int] = mapped_column()
    version: Mapped[str] = mapped_column(String(32))  # of the product
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    beat_at: Mapped[datetime] = mapped_column(UtcDateTime)
    progressed_at: Mapped[datetime] = mapped_column(UtcDateTime)  # when it last did a part of its work
    in_flight: Mapped[int] = mapped_column(default=0)  # requests of a worker


def is_alive(now: datetime) -> ColumnElement[bool]:
    """Return the condition that a process has sent a heartbeat lately.

    A time in the future doesn't count for ever: a clock may have been set back.
    """
    return Process.beat_at.between(now - ALIVE, now + ALIVE)
