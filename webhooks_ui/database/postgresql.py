"""The PostgreSQL side of the differences. ``dialect.Dialect`` describes each name."""

import select
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Engine, Table, func
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import DisconnectionError

from webhooks_ui.database.statements import statement_of

Row = TypeVar("Row")

CONNECT_ARGUMENTS: dict[str, Any] = {}
SINGLE_QUERY_OPTIONS: dict[str, Any] = {"isolation_level": "AUTOCOMMIT"}  # saves the round trips of BEGIN and COMMIT
ROW_LOCK = "FOR UPDATE"
JSON_IDS = "(SELECT CAST(value AS bigint) FROM jsonb_array_elements_text(CAST(:ids AS jsonb)))"


def insert(table: Table) -> Any:
    return postgresql.insert(table)


def prepare(connection: Any) -> None:
    """Do nothing. The settings of the server apply."""


def after_migration(engine: Engine) -> None:
    """Do nothing: the server's autovacuum keeps the space for new rows."""


def give_space_back(connection: Connection, pages: int) -> bool:
    """Do nothing, and return False."""
    return False


def relax_commits(connection: Any) -> None:
    connection.execute("SET synchronous_commit TO off")
    connection.commit()


def begin(connection: Connection, writes: bool) -> None:
    """Do nothing. The driver begins the transaction, and any transaction may write."""


def check_alive(connection: Any) -> None:
    """Raise if the server was restarted, so that SQLAlchemy reconnects and no request fails."""
    unasked = select.poll()
    unasked.register(connection.fileno(), select.POLLIN)
    if unasked.poll(0):
        raise DisconnectionError  # data on an idle connection means that the server closed it


def time_value(at: datetime | None) -> datetime | None:
    return at


def text_of(column: str) -> str:
    return f"convert_from({column}, 'UTF8')"


def seconds_until(column: str) -> str:
    return f"CAST(EXTRACT(EPOCH FROM ({column} - :now)) AS double precision)"


def contains(column: Any, text: str) -> ColumnElement[bool]:
    return func.strpos(column, text) > 0  # takes half as long as LIKE


def unindexed(column: Any) -> Any:
    return column


def by_partial_index(index_condition: Any, condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """Return ``condition`` alone.

    PostgreSQL multiplies the selectivity of two conditions. With both it would expect almost no rows, and sort them
    instead of reading them in the order of the index.
    """
    return condition


def insert_many(connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    cursor: Any = connection.connection.cursor()
    with cursor.copy(f"COPY {table.name} ({', '.join(columns)}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def update_many(connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    values = ", ".join(f"{column} = v.{column}" for column in columns)
    source = _unnested(table, (*columns, "id"))
    statement = f"UPDATE {table.name} SET {values} FROM {source} WHERE {table.name}.id = v.id"
    connection.exec_driver_sql(statement, tuple(map(list, zip(*rows, strict=True))))


def add_many(connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    *key, count = columns
    conflict = f"ON CONFLICT ({', '.join(key)}) DO UPDATE SET {count} = {table.name}.{count} + excluded.{count}"
    head = f"INSERT INTO {table.name} ({', '.join(columns)})"
    statement = f"{head} SELECT * FROM {_unnested(table, columns)} {conflict}"
    connection.exec_driver_sql(statement, tuple(map(list, zip(*rows, strict=True))))


def select_rows(
    connection: Connection, kind: Callable[..., Row], columns: str, source: str, values: Mapping[str, Any]
) -> list[Row]:
    return [kind(*row) for row in connection.execute(statement_of(f"SELECT {columns} FROM {source}"), values)]


def first_of_each(array: str, rows: str, *, skip_locked: bool = True) -> str:
    lock = "FOR UPDATE SKIP LOCKED" if skip_locked else ""
    return f"""
        SELECT d.id FROM jsonb_array_elements_text(CAST(:{array} AS jsonb)) AS wanted
        CROSS JOIN LATERAL ({rows.format(each="CAST(wanted.value AS bigint)")} {lock}) AS d
    """


def first_of_all(rows: str) -> str:
    return f"{rows} FOR UPDATE SKIP LOCKED"


def update_selected(
    connection: Connection,
    kind: Callable[..., Row],
    table: str,
    assignments: str,
    columns: Sequence[str],
    source: str,
    condition: str,
    still: str,
    values: Mapping[str, Any],
) -> list[Row]:
    returning = ", ".join(f"selected.{column}" for column in columns)
    statement = f"""
        WITH selected AS MATERIALIZED ({source}) UPDATE {table} SET {assignments} FROM selected
        WHERE {table}.id = selected.id AND {condition} AND {still} RETURNING {returning}
    """
    return [kind(*row) for row in connection.execute(statement_of(statement), values)]


@lru_cache(maxsize=64)
def _unnested(table: Table, columns: Sequence[str]) -> str:
    """Return SQL that makes a table ``v`` out of one array per column."""
    types = (table.c[column].type.compile(postgresql.dialect()) for column in columns)  # type: ignore[no-untyped-call]
    return f"unnest({', '.join(f'%s::{type}[]' for type in types)}) AS v ({', '.join(columns)})"
