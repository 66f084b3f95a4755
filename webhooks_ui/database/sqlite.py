"""The SQLite side of the differences. ``dialect.Dialect`` describes each name.

Python's driver releases the interpreter's lock between two rows of a result or an executemany. In a worker with many
sending threads it waits long to get the lock back. Meanwhile SQLite's write lock blocks all other writers. So these
functions write many rows in one statement, and read many rows as one JSON value.
"""

import fcntl
import json
import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import JSON, ColumnElement, Connection, Engine, Table, UnaryExpression, and_, bindparam, func, select
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.sql.operators import custom_op

from webhooks_ui.database import sqlite_copies
from webhooks_ui.database.facts import Fact, Question
from webhooks_ui.database.family import Born, Children, Family
from webhooks_ui.database.sqlite_writers import PATIENCE_SECONDS, QueueingConnection
from webhooks_ui.database.statements import run

Row = TypeVar("Row")

BUSY_TIMEOUT_MS = 10_000
INCREMENTAL = 2  # of PRAGMA auto_vacuum
JOURNAL_MAX_BYTES = 64 * 1024 * 1024  # of the write-ahead log that stays after a checkpoint
STATEMENT_ROWS = 50  # more rows in one statement gain nothing
WORKER_CACHE_KIB = 4_096  # small: a worker reads each row once, and the system's cache serves all workers

CONNECT_ARGUMENTS: dict[str, Any] = {"factory": QueueingConnection}
FAMILY_IS_ONE_STATEMENT = False
PUBLISHING = 1  # there is one writer
HAS_ROUND_TRIPS = False
JSON_IDS = "(SELECT value FROM json_each(:ids))"
SKIP_LOCKED = ""

OUTAGES = {
    sqlite3.SQLITE_BUSY: "The database is locked: something else has been writing to it for too long.",
    sqlite3.SQLITE_LOCKED: "The database is locked: something else has been writing to it for too long.",
    sqlite3.SQLITE_READONLY: "The database is read-only.",
    sqlite3.SQLITE_IOERR: "The disk of the database has trouble.",
    sqlite3.SQLITE_CORRUPT: "The file of the database is damaged.",
    sqlite3.SQLITE_NOTADB: "The file of the database is damaged.",
    sqlite3.SQLITE_FULL: "The disk of the database is full.",
    sqlite3.SQLITE_CANTOPEN: "The file of the database can't be opened.",
}
PRIMARY_CODE = 0xFF  # of an extended code (SQLite, "Result and Error Codes")

COPY_ENDING = sqlite_copies.COPY_ENDING
make_copy, check_copy, put_back = sqlite_copies.make_copy, sqlite_copies.check_copy, sqlite_copies.put_back
insert = sqlite.insert


def connect(arguments: Sequence[Any], keywords: Mapping[str, Any]) -> Any:
    """Do nothing, and let SQLAlchemy connect."""


def prepare(connection: Any) -> None:
    """Let readers work beside a writer (WAL), wait for locks, and write each commit to the disk."""
    connection.isolation_level = None  # ``begin`` sends BEGIN itself
    connection.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
    _begin_to_give_space_back(connection)
    for pragma in (
        f"journal_size_limit={JOURNAL_MAX_BYTES}",
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "cache_size=-16384",
        "temp_store=MEMORY",
    ):
        connection.execute(f"PRAGMA {pragma}")


def rows_of(cursor: Any) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def _begin_to_give_space_back(connection: Any) -> bool:
    """Let a new database give its space back. Return True if an older one must be rewritten for that.

    The pragma writes to a database that has this mode already, so that it must not be given without need.
    """
    if connection.execute("PRAGMA auto_vacuum").fetchone()[0] == INCREMENTAL:
        return False
    connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
    return True


@contextmanager
def migrating(connection: Connection) -> Iterator[None]:
    """Hold a lock (flock) on the folder of the database. Each revision has a transaction of its own."""
    file = data_file(connection.engine)
    if file is None:
        yield
        return
    folder = os.open(file.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def after_migration(engine: Engine) -> None:
    """Rewrite a database that can't give its space back yet. It takes about a second for each 100 MB, once."""
    connection: Any = engine.raw_connection()
    try:
        driver = connection.driver_connection
        if _begin_to_give_space_back(driver):
            driver.execute("VACUUM")
    finally:
        connection.close()


def give_space_back(connection: Connection, pages: int) -> bool:
    """Give up to ``pages`` unused pages back to the file system. Return True if there are more."""
    driver: Any = connection.connection.driver_connection
    for _ in range(pages):
        driver.execute("PRAGMA incremental_vacuum(1)")  # Python's driver makes one step, whatever the number
    return bool(connection.exec_driver_sql("PRAGMA freelist_count").scalar_one())


def prepare_for_worker(connection: Any) -> None:
    """Relax commits. SQLite uses an index wherever one fits."""
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute(f"PRAGMA cache_size=-{WORKER_CACHE_KIB}")


def begin(connection: Connection, writes: bool) -> None:
    """Begin a transaction as a reader, or at once as a writer.

    SQLite refuses to turn a reader into a writer while others write.
    """
    driver: Any = connection.connection.dbapi_connection
    try:
        if writes:
            driver.begin_writing()
        else:
            driver.execute("BEGIN")
    except sqlite3.OperationalError as error:  # SQLAlchemy wraps only the errors of its own calls
        connection._handle_dbapi_exception(error, "BEGIN", None, None, None)


def check_alive(connection: Any) -> None:
    """Do nothing. There is no server that could close the connection."""


def note_error(context: ExceptionContext) -> None:
    """Replace all connections after a write to a database that is read-only.

    SQLite opens a file for reading if nobody may write to it. Such a connection can't write later either.
    """
    code = getattr(context.original_exception, "sqlite_errorcode", None)
    if code is not None and code & PRIMARY_CODE == sqlite3.SQLITE_READONLY:
        context.is_disconnect = True


def is_conflict(error: BaseException) -> bool:
    """Return False. There is one writer at a time."""
    return False


def outage(error: BaseException) -> str | None:
    if not isinstance(error, sqlite3.Error):
        return None
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return None
    if "no such table" in str(error) or "no such column" in str(error):
        return "The database has no tables of this version."
    return OUTAGES.get(code & PRIMARY_CODE)


@contextmanager
def brief_write(engine: Engine, seconds: float) -> Iterator[Connection]:
    with engine.connect() as connection:
        driver: Any = connection.connection.dbapi_connection
        driver.execute(f"PRAGMA busy_timeout={round(seconds * 1_000)}")
        driver.patience_seconds = seconds / 2  # not more, because whoever is first in the queue may be stopped
        connection = connection.execution_options(writes=True)
        try:
            with connection.begin():
                yield connection
        finally:
            driver.patience_seconds = PATIENCE_SECONDS
            driver.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")


def data_file(engine: Engine) -> Path | None:
    name = engine.url.database
    return Path(name.removeprefix("file:")) if name and name != ":memory:" else None


def log_bytes(engine: Engine) -> int | None:
    path = data_file(engine)
    if path is None:
        return None
    log = path.with_name(f"{path.name}-wal")
    return log.stat().st_size if log.exists() else 0


def server_time(connection: Connection) -> datetime | None:
    return None


def time_value(at: datetime | None) -> str | None:
    """Return a time as the text that SQLAlchemy stores."""
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds") if at else None


def text_of(column: str) -> str:
    return f"CAST({column} AS TEXT)"


def seconds_until(column: str) -> str:
    return f"((julianday({column}) - julianday(:now)) * 86400.0)"


def contains(column: Any, text: Any) -> ColumnElement[bool]:
    return func.instr(column, text) > 0


def among(column: Any, ids: Sequence[int]) -> ColumnElement[bool]:
    return _is_in_array(column, json.dumps(ids))


def among_bound(column: Any, name: str = "ids") -> ColumnElement[bool]:
    return _is_in_array(column, bindparam(name, type_=JSON))


def _is_in_array(column: Any, ids: Any) -> ColumnElement[bool]:
    condition: ColumnElement[bool] = column.in_(select(func.json_each(ids).table_valued("value").c.value))
    return condition


def unindexed(column: Any) -> Any:
    """Return ``+column``. SQLite then uses the index of the sort order, and doesn't have to sort."""
    return UnaryExpression(column, operator=custom_op("+"))


def by_partial_index(index_condition: Any, condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """Return both conditions. SQLite uses a partial index only if the query repeats its condition."""
    return and_(index_condition, condition)


def insert_many(
    connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[Sequence[Any]], conflict: str = ""
) -> None:
    _insert(connection, table, columns, rows, conflict)


def insert_family(connection: Connection, family: Family, facts: Sequence[Fact] = ()) -> Born | None:
    if not hold(connection, facts):
        return None
    key = [family.columns.index(column) for column in family.unique]
    places = {tuple(row[at] for at in key): place for place, row in enumerate(family.rows)}
    unique = ", ".join(family.unique)
    rest = f"ON CONFLICT ({unique}) DO NOTHING RETURNING id, {unique}"
    new = _insert(connection, family.table, family.columns, family.rows, rest)
    parents = {places[tuple(values)]: id for id, *values in new}
    return Born(parents, [_insert_children(connection, children, parents) for children in family.children])


def hold(connection: Connection, facts: Sequence[Fact]) -> bool:
    return not any(run(connection, _has_changed(fact.question), fact.row)[0][0] for fact in facts)


@lru_cache(maxsize=16)
def _has_changed(question: Question) -> str:
    values = f"VALUES ({', '.join('?' * len(question.columns))})"
    changed = question.has_changed(sqlite.dialect())
    return f"WITH {question.known.name} ({', '.join(question.columns)}) AS ({values}) SELECT {changed}"


def _insert_children(connection: Connection, children: Children, parents: Mapping[int, int]) -> list[int]:
    rows = [(parents[place], *row) for place, *row in children.rows if place in parents]
    rest = "RETURNING id" if children.has_ids else ""
    return sorted(id for (id,) in _insert(connection, children.table, children.columns, rows, rest))


def update_held(
    connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[Sequence[Any]], token: str, also: str
) -> set[int]:
    values = {"ids": json.dumps([row[-1] for row in rows]), "token": token}
    held = set(
        select_rows(connection, int, "id", f"{table.name} WHERE id IN {JSON_IDS} AND lease_token = :token", values)
    )
    assignments = ", ".join([*(f"{column} = v.column{number}" for number, column in enumerate(columns, 1)), also])
    update = f"UPDATE {table.name} SET {assignments} FROM ({{values}}) AS v WHERE id = v.column{len(columns) + 1}"
    _in_portions(connection, update, [row for row in rows if row[-1] in held])
    return held


def select_rows(
    connection: Connection, kind: Callable[..., Row], columns: str, source: str, values: Mapping[str, Any]
) -> list[Row]:
    [(rows,)] = run(connection, f"SELECT json_group_array(json_array({columns})) FROM {source}", values)
    return [kind(*row) for row in json.loads(rows)]


def first_of_each(rows: str) -> str:
    return f"""
        SELECT d.id FROM json_each(:webhooks) AS wanted CROSS JOIN deliveries AS d
        WHERE d.id IN ({rows.format(each="wanted.value")})
    """


def update_selected(
    connection: Connection,
    columns: Sequence[str],
    source: str,
    assignments: str,
    still: str,
    values: Mapping[str, Any],
) -> Sequence[Sequence[Any]]:
    rows = select_rows(connection, lambda *row: row, ", ".join(columns), f"({source})", values)
    if rows:
        update = f"UPDATE deliveries SET {assignments} WHERE id IN {JSON_IDS} AND {still}"
        run(connection, update, {**values, "ids": json.dumps([row[0] for row in rows])})
    return rows


def _insert(
    connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[Sequence[Any]], rest: str
) -> list[tuple[Any, ...]]:
    return _in_portions(connection, f"INSERT INTO {table.name} ({', '.join(columns)}) {{values}} {rest}", rows)


def _in_portions(connection: Connection, statement: str, rows: Sequence[Sequence[Any]]) -> list[tuple[Any, ...]]:
    """Run ``statement`` for ``STATEMENT_ROWS`` at a time. Return what it returns."""
    returned: list[tuple[Any, ...]] = []
    for start in range(0, len(rows), STATEMENT_ROWS):
        portion = rows[start : start + STATEMENT_ROWS]
        text = _with_marks(statement, len(portion), len(portion[0]))
        returned += run(connection, text, tuple(chain.from_iterable(portion)))
    return returned


@lru_cache(maxsize=128)
def _with_marks(statement: str, rows: int, columns: int) -> str:
    marks = f"({', '.join('?' * columns)})"
    return statement.format(values=f"VALUES {', '.join([marks] * rows)}")
