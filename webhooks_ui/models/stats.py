"""Hourly counts of attempts by result and duration. They stay when the log is purged, until no chart shows them."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from webhooks_ui.database import db
from webhooks_ui.models.types import BigId, UtcDateTime

DURATION_BUCKETS_MS = (2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 300_000)  # upper ends, inclusive

FAILED = text("NOT succeeded")
HOUR_SECONDS = 3_600


class Stats(db.Model):  # type: ignore[name-defined,misc]
    __tablename__ = "stats"

    webhook_id: Mapped[int] = mapped_column(BigId, ForeignKey("webhooks.id", ondelete="CASCADE"), primary_key=True)
    hour: Mapped[datetime] = mapped_column(UtcDateTime, primary_key=True)
    succeeded: Mapped[bool] = mapped_column(primary_key=True)
    duration_bucket_ms: Mapped[int] = mapped_column(primary_key=True)  # one of DURATION_BUCKETS_MS
    count: Mapped[int] = mapped_column(default=0)

    # For the overview: the sums of an hour, and the webhooks that fail most
    __table_args__ = (
        Index("ix_stats_hour", "hour"),
        Index("ix_stats_failed", "hour", "webhook_id", sqlite_where=FAILED, postgresql_where=FAILED),
    )


def duration_bucket_ms(duration_ms: int) -> int:
    """Return the bucket of a duration in milliseconds."""
    return next((end for end in DURATION_BUCKETS_MS if duration_ms <= end), DURATION_BUCKETS_MS[-1])


def hour_of(at: datetime) -> int:
    """Return the number of the hour of ``at``: whole hours since 1970."""
    return int(at.timestamp()) // HOUR_SECONDS
