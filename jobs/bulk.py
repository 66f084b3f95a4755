"""Many rows in one go, past what SQLAlchemy does for each row of an executemany (a third of a delivery's cost)."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection

_PLACEHOLDER = {"sqlite": "?", "postgresql": "%s"}


def insert_many(connection: Connection, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Insert ``rows``, whose values are in the order of ``columns`` and of the driver's own types."""
    values = ", ".join([_PLACEHOLDER[connection.dialect.name]] * len(columns))
    connection.exec_driver_sql(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({values})", list(rows))  # noqa: S608


def update_many(connection: Connection, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Update the rows of ``table`` whose ``id`` is the last value of each of ``rows``."""
    mark = _PLACEHOLDER[connection.dialect.name]
    values = ", ".join(f"{column} = {mark}" for column in columns)
    connection.exec_driver_sql(f"UPDATE {table} SET {values} WHERE id = {mark}", list(rows))  # noqa: S608


def time_for(connection: Connection) -> Callable[[datetime | None], Any]:
    """How the driver wants a time: SQLite as the text that SQLAlchemy stores, PostgreSQL as it is."""
    return _text if connection.dialect.name == "sqlite" else _same


def _text(time: datetime | None) -> str | None:
    return time.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds") if time else None


def _same(time: datetime | None) -> datetime | None:
    return time
