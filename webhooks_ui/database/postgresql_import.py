"""Brings the rows of an SQLite database into PostgreSQL."""

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import psycopg
from sqlalchemy import Connection, Table, func, select

from webhooks_ui.database.copies import CopyError

if TYPE_CHECKING:  # the driver of a database is imported only where it is used
    import sqlite3

LOCK_SECONDS = 10
ROW = re.compile(r", line ([0-9]+)")  # in the context of an error of COPY


def import_rows(
    connection: Connection, source: "sqlite3.Connection", tables: Sequence[Table]
) -> Iterator[tuple[str, int]]:
    """Copy ``tables``, which must be empty, from SQLite. Yield the name and the number of rows of each.

    Others can't use the tables until the transaction ends. SQLite's driver returns times, JSON and booleans in a form
    that PostgreSQL reads. So no value is converted, and a NULL stays apart from the null of JSON.

    Raises:
        CopyError: The tables can't be copied. The transaction must be rolled back.
    """
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'")
    connection.exec_driver_sql("SET LOCAL TimeZone = 'UTC'")  # the times in SQLite are in UTC, and don't say so
    _lock_empty(connection, tables)
    for table in tables:
        yield table.name, _import(connection, source, table)


def _lock_empty(connection: Connection, tables: Sequence[Table]) -> None:
    """Keep everybody else from the tables until the transaction ends.

    Raises:
        CopyError: Another program uses them, or they have rows.
    """
    cursor: Any = connection.connection.cursor()
    try:
        cursor.execute(f"LOCK TABLE {', '.join(table.name for table in tables)} IN ACCESS EXCLUSIVE MODE")
    except psycopg.errors.LockNotAvailable as error:
        raise CopyError("Another program uses the tables of DATABASE_URL. End it, and run this again.") from error
    filled = [table.name for table in tables if connection.execute(select(1).select_from(table).limit(1)).first()]
    if filled:
        raise CopyError(
            f"The database of DATABASE_URL isn't empty: there are rows in {', '.join(filled)}. Name a new one there."
        )


def _import(connection: Connection, source: "sqlite3.Connection", table: Table) -> int:
    """Copy a table, and let new ids begin after those in it. Return the number of rows."""
    columns = ", ".join(map(connection.dialect.identifier_preparer.format_column, table.columns))
    cursor: Any = connection.connection.cursor()
    count = 0
    try:
        with cursor.copy(f"COPY {table.name} ({columns}) FROM STDIN") as copy:
            for row in source.execute(f"SELECT {columns} FROM {table.name}"):  # noqa: S608 (names of ours)
                copy.write_row(row)
                count += 1
    except psycopg.Error as error:
        raise CopyError(_explanation(table, count + 1, error)) from error
    there = connection.execute(select(func.count()).select_from(table)).scalar_one()
    if there != count:
        raise CopyError(f"{count:,} rows of {table.name} were copied, and {there:,} arrived. Nothing was changed.")
    if (id := table.autoincrement_column) is not None:
        sequence = func.pg_get_serial_sequence(table.name, id.name)
        connection.execute(select(func.setval(sequence, func.coalesce(func.max(id), 1), func.max(id).is_not(None))))
    return count


def _explanation(table: Table, row: int, error: psycopg.Error) -> str:
    """Name the row and the cause. The server's own words about the row would show its values."""
    told = ROW.search(error.diag.context or "")  # the server reads later than rows are sent
    cause = error.diag.message_primary or error
    return f"Row {told[1] if told else row} of the table {table.name} can't be copied: {cause}. Nothing was changed."
