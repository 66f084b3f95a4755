"""What the overview shows: hourly totals of all webhooks and of event types, and how many deliveries wait.

Chores write them.
"""

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from webhooks_ui.database import db
from webhooks_ui.models.types import BigId, UtcDateTime


class HourlyTotal(db.Model):  # type: ignore[name-defined,misc]
    """The sum of ``Stats`` over the webhooks of an environment."""

    __tablename__ = "hourly_totals"

    hour: Mapped[datetime] = mapped_column(UtcDateTime, primary_key=True)
    environment: Mapped[str] = mapped_column(String(16), primary_key=True)
    succeeded: Mapped[bool] = mapped_column(primary_key=True)
    duration_bucket_ms: Mapped[int] = mapped_column(primary_key=True)
    count: Mapped[int] = mapped_column(BigId, default=0)


class BacklogSample(db.Model):  # type: ignore[name-defined,misc]
    """How many deliveries of an environment waited at a time, and for how long the oldest one was due."""

    __tablename__ = "backlog_samples"

    at: Mapped[datetime] = mapped_column(UtcDateTime, primary_key=True)
    environment: Mapped[str] = mapped_column(String(16), primary_key=True)
    waiting: Mapped[int] = mapped_column()
    oldest_due_seconds: Mapped[int] = mapped_column()


class TypeTotal(db.Model):  # type: ignore[name-defined,misc]
    """How many events of a type were published in an hour, and how many deliveries they made."""

    __tablename__ = "type_totals"

    hour: Mapped[datetime] = mapped_column(UtcDateTime, primary_key=True)
    environment: Mapped[str] = mapped_column(String(16), primary_key=True)
    type: Mapped[str] = mapped_column(String(64), primary_key=True)
    events: Mapped[int] = mapped_column()
    deliveries: Mapped[int] = mapped_column()
