"""Many rows in one statement, past what SQLAlchemy does for each row of an executemany.

Between two rows of a statement, Python's driver for SQLite gives up the interpreter's lock. In a worker full of sending
threads it is long until it has that back, while SQLite's own lock keeps all other writers waiting: so rows go in, and
come out, all at once.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Table, text
from sqlalchemy.dialects import postgresql

SQLITE_ROWS = 50  # in one statement: more gain nothing


def insert_many(connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Insert ``rows``, whose values are in the order of ``columns`` and of the driver's own types."""
    names = ", ".join(columns)
    if connection.dialect.name == "sqlite":
        _in_portions(connection, f"INSERT INTO {table.name} ({names}) {{values}}", rows)
        return
    cursor: Any = connection.connection.cursor()
    with cursor.copy(f"COPY {table.name} ({names}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def update_many(connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Update the rows of ``table`` whose ``id`` is the last value of each of ``rows``."""
    if connection.dialect.name == "sqlite":
        values = ", ".join(f"{column} = v.column{number}" for number, column in enumerate(columns, 1))
        statement = f"UPDATE {table.name} SET {values} FROM ({{values}}) AS v WHERE id = v.column{len(columns) + 1}"
        _in_portions(connection, statement, rows)
        return
    values = ", ".join(f"{column} = v.{column}" for column in columns)
    source = _unnested(table, (*columns, "id"))
    statement = f"UPDATE {table.name} SET {values} FROM {source} WHERE {table.name}.id = v.id"
    connection.exec_driver_sql(statement, tuple(map(list, zip(*rows, strict=True))))


def add_many(connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Add the last value of each of ``rows`` to the last column, in the row whose primary key the others are."""
    *key, count = columns
    conflict = f"ON CONFLICT ({', '.join(key)}) DO UPDATE SET {count} = {table.name}.{count} + excluded.{count}"
    head = f"INSERT INTO {table.name} ({', '.join(columns)})"
    if connection.dialect.name == "sqlite":
        _in_portions(connection, f"{head} {{values}} {conflict}", rows)
        return
    statement = f"{head} SELECT * FROM {_unnested(table, columns)} {conflict}"
    connection.exec_driver_sql(statement, tuple(map(list, zip(*rows, strict=True))))


def select_many(connection: Connection, columns: str, source: str, values: Mapping[str, Any]) -> list[Any]:
    """The rows of ``SELECT columns FROM source``; their values are what JSON has, so no times and no bytes."""
    if connection.dialect.name == "sqlite":
        rows = connection.execute(statement_of(f"SELECT json_group_array(json_array({columns})) FROM {source}"), values)
        return list(json.loads(rows.scalar_one()))
    return list(connection.execute(statement_of(f"SELECT {columns} FROM {source}"), values))


def listed(connection: Connection) -> str:
    """The numbers in the JSON array ``:ids``, for an ``IN``: one statement for any number of them."""
    if connection.dialect.name == "sqlite":
        return "(SELECT value FROM json_each(:ids))"
    return "(SELECT CAST(value AS bigint) FROM jsonb_array_elements_text(CAST(:ids AS jsonb)))"


def text_of(connection: Connection, column: str) -> str:
    """A column of bytes that are UTF-8, as text."""
    return f"CAST({column} AS TEXT)" if connection.dialect.name == "sqlite" else f"convert_from({column}, 'UTF8')"


statement_of = lru_cache(maxsize=256)(text)  # to read a statement takes as long as to run it


def _in_portions(connection: Connection, statement: str, rows: Sequence[Sequence[Any]]) -> None:
    for start in range(0, len(rows), SQLITE_ROWS):
        portion = rows[start : start + SQLITE_ROWS]
        marks = f"({', '.join('?' * len(portion[0]))})"
        values = f"VALUES {', '.join([marks] * len(portion))}"
        connection.exec_driver_sql(statement.format(values=values), tuple(value for row in portion for value in row))


@lru_cache(maxsize=64)
def _unnested(table: Table, columns: Sequence[str]) -> str:
    """A table ``v`` out of an array a column."""
    types = (table.c[column].type.compile(postgresql.dialect()) for column in columns)  # type: ignore[no-untyped-call]
    return f"unnest({', '.join(f'%s::{type}[]' for type in types)}) AS v ({', '.join(columns)})"


def time_for(connection: Connection) -> Callable[[datetime | None], Any]:
    """How the driver wants a time: SQLite as the text that SQLAlchemy stores, PostgreSQL as it is."""
    return _as_text if connection.dialect.name == "sqlite" else _as_it_is


def _as_text(time: datetime | None) -> str | None:
    return time.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds") if time else None


def _as_it_is(time: datetime | None) -> datetime | None:
    return time
