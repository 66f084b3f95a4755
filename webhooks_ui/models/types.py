"""Column types that the tables share."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, DateTime, Integer
from sqlalchemy.types import TypeDecorator

BigId = BigInteger().with_variant(Integer, "sqlite")  # SQLite generates ids only in a column declared INTEGER


class UtcDateTime(TypeDecorator[datetime]):
    """An aware ``datetime`` in UTC, on every database.

    Raises:
        ValueError: A value has no time zone.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("A time without a time zone can't be stored.")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def utcnow() -> datetime:
    """Return the current time as an aware ``datetime`` in UTC."""
    return datetime.now(UTC)


def is_recent(at: float, span: timedelta) -> bool:
    """Return True if ``at`` is less than ``span`` ago, or as far ahead, because the clock that gave it may be wrong.

    Args:
        at: in Unix seconds.
    """
    return abs(utcnow().timestamp() - at) < span.total_seconds()
