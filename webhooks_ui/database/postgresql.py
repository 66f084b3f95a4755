"""The PostgreSQL side of the differences. ``dialect.Dialect`` describes each name."""

import re
import select
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import psycopg
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Engine,
    TypeDecorator,
    any_,
    bindparam,
    func,
    literal,
    text,
)
from sqlalchemy import select as sql_select
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DisconnectionError

from webhooks_ui.database import postgresql_copies, postgresql_rows
from webhooks_ui.database.postgresql_patience import PatientConnection
from webhooks_ui.database.postgresql_poolers import is_pooled, prepare_for_pooler
from webhooks_ui.database.statements import run

Row = TypeVar("Row")

# So that a server that is gone is noticed within seconds (PostgreSQL, "Parameter Key Words" of libpq).
CONNECT_ARGUMENTS: dict[str, Any] = {
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
OURS = {"client_encoding": "utf8", "autocommit": True}  # whatever the URL, the environment or the server prefer
FAMILY_IS_ONE_STATEMENT = True
PUBLISHING = 2  # one prepares while another waits for the disk
HAS_ROUND_TRIPS = True
JSON_IDS = "(SELECT CAST(value AS bigint) FROM jsonb_array_elements_text(CAST(:ids AS jsonb)))"
SKIP_LOCKED = "FOR UPDATE SKIP LOCKED"

BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED"  # a pooler may have lost what ``prepare`` set
PREFERENCES = (
    "SET default_transaction_isolation TO 'read committed'; SET array_nulls TO on; "
    "SET DateStyle TO ISO; SET TimeZone TO 'UTC'"
)
MIGRATION_LOCK = 7_201_126  # any number that nothing else takes for a lock of its own
READ_ONLY = "25006"  # PostgreSQL, Appendix A: the codes of errors
WRONG_ENCODING, NO_TLS, WRONG_OPTION = "UTF8?", "NOTLS", "OPTN?"  # codes of ours
CONFLICTS = {"40001", "40P01"}  # a serialization failure, and a deadlock
OUTAGES = {  # the longest beginning of a code counts
    READ_ONLY: "The database is read-only.",
    WRONG_ENCODING: "The database can't keep every text, because its encoding isn't UTF8.",
    "40": "Changes that came at the same time were in each other's way.",
    "53": "The database server is out of resources.",
    "53100": "The disk of the database is full.",
    "53300": "The database server accepts no more connections.",
    "55P03": "The database is locked: something else has been changing it for too long.",
    "57": "The database server is starting or stopping.",
    "57014": "The database takes too long.",
    "58": "The database server has trouble with its disk.",
    "28": "The database server refuses the user or the password of DATABASE_URL.",
    "3D": "The database server has no database of the name in DATABASE_URL.",
    "42501": "The user of DATABASE_URL lacks rights to what is in the database.",
    "42P01": "The database has no tables of this version.",
    "42703": "The database has no tables of this version.",
    "XX001": "The data of the database is damaged.",
    NO_TLS: "No trusted TLS connection to the database server can be made.",
    WRONG_OPTION: "An option of DATABASE_URL has a wrong value.",
}
REFUSALS = {  # what is said instead of a code while a connection is made. libpq passes no code on
    "28": "authentication failed|no password supplied|pg_hba.conf entry|valid client certificate|role .* does not exist"
    "|not permitted to log in|permission denied for database|no such user",
    "3D": "database .* does not exist|no such database",
    "53300": "too many (clients|connections)|connection slots|no more connections",
    "57": "the database system is ",
    NO_TLS: "certificate|SSL(?! SYSCALL)|private key",  # SYSCALL: the connection broke off
    WRONG_OPTION: "invalid .* value|definition of service",
}


class WrongEncodingError(psycopg.OperationalError):
    """The database has an encoding that lacks characters, or checks none of them."""

    sqlstate = WRONG_ENCODING


COPY_ENDING = postgresql_copies.COPY_ENDING
make_copy, check_copy, put_back = postgresql_copies.make_copy, postgresql_copies.check_copy, postgresql_copies.put_back
insert = postgresql.insert
insert_many, insert_family = postgresql_rows.insert_many, postgresql_rows.insert_family
update_held, hold = postgresql_rows.update_held, postgresql_rows.hold


def connect(arguments: Sequence[Any], keywords: Mapping[str, Any]) -> Any:
    """Return a connection on which each statement is a transaction by itself, unless ``begin`` was called.

    In READ COMMITTED, each statement sees what is committed when it begins. So a transaction around reading statements
    would add two round trips, and change nothing.

    Raises:
        WrongEncodingError: The database doesn't keep texts as UTF-8.
    """
    connection = PatientConnection.connect(*arguments, **{**keywords, **OURS})
    encoding = connection.pgconn.parameter_status(b"server_encoding") or b"UTF8"  # a pooler may not tell it
    if encoding != b"UTF8":
        connection.close()
        raise WrongEncodingError(
            f"Its encoding is {encoding.decode()}. Make it anew: "
            "CREATE DATABASE name ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
        )
    return connection


def prepare(connection: Any) -> None:
    """Set what our statements and the driver rely on. The server's administrator may prefer something else.

    The driver reads times in the style ISO only, and none that is after the year 9999 in the zone of the session.
    """
    (pid,) = connection.execute(f"SELECT pg_backend_pid(); {PREFERENCES}").fetchone()
    prepare_for_pooler(connection, pid)


def rows_of(cursor: Any) -> list[tuple[Any, ...]]:
    """Return them without a look at ``cursor.description``, for which the driver describes each column anew."""
    rows: list[tuple[Any, ...]] = cursor.fetchall() if cursor.rownumber is not None else []
    return rows


@contextmanager
def migrating(connection: Connection) -> Iterator[None]:
    """Hold a lock until the transaction ends.

    Without it, two machines that begin at the same time both make the same table, and one fails.
    """
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})")
    yield


def after_migration(engine: Engine) -> None:
    """Do nothing: the server's autovacuum keeps the space for new rows."""


def give_space_back(connection: Connection, pages: int) -> bool:
    """Do nothing, and return False."""
    return False


def prepare_for_worker(connection: Any) -> None:
    if not is_pooled(connection):
        connection.execute("SET synchronous_commit TO off; SET enable_seqscan TO off; SET enable_bitmapscan TO off")


def begin(connection: Connection, writes: bool) -> None:
    """Begin a transaction if it ``writes``. See ``connect``."""
    if writes:
        driver: Any = connection.connection.dbapi_connection
        try:
            driver.execute(BEGIN)
        except psycopg.Error as error:  # SQLAlchemy wraps only the errors of its own calls
            connection._handle_dbapi_exception(error, BEGIN, None, None, None)


def check_alive(connection: Any) -> None:
    """Raise if the server was restarted, so that SQLAlchemy reconnects and no request fails."""
    unasked = select.poll()
    unasked.register(connection.fileno(), select.POLLIN)
    if unasked.poll(0):
        raise DisconnectionError  # data on an idle connection means that the server closed it


def note_error(context: ExceptionContext) -> None:
    """Replace all connections after a write to a server that only reads.

    After a failover the address leads to another server, but open connections still lead to the old one.
    """
    if getattr(context.original_exception, "sqlstate", None) == READ_ONLY:
        context.is_disconnect = True


def is_conflict(error: BaseException) -> bool:
    return isinstance(error, psycopg.Error) and error.sqlstate in CONFLICTS


def outage(error: BaseException) -> str | None:
    if not isinstance(error, psycopg.Error):
        return None
    code = error.sqlstate or _refusal(str(error))
    for length in (5, 2):
        if sentence := OUTAGES.get(code[:length]):
            return sentence
    if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return "The database server doesn't answer."
    return None


def _refusal(said: str) -> str:
    """Return a key of ``OUTAGES`` if a connection couldn't be made and ``said`` tells why, else an empty text."""
    if not said.startswith(("connection failed:", "connection is bad:")):
        return ""
    return next((code for code, words in REFUSALS.items() if re.search(words, said)), "")


@contextmanager
def brief_write(engine: Engine, seconds: float) -> Iterator[Connection]:
    milliseconds = round(seconds * 1_000)
    with engine.connect().execution_options(writes=True) as connection, connection.begin():
        connection.execute(text(f"SET LOCAL lock_timeout = {milliseconds}"))
        connection.execute(text(f"SET LOCAL statement_timeout = {2 * milliseconds}"))
        yield connection


def data_file(engine: Engine) -> Path | None:
    return None


def log_bytes(engine: Engine) -> int | None:
    return None


def server_time(connection: Connection) -> datetime | None:
    at: datetime = connection.execute(sql_select(func.clock_timestamp())).scalar_one()
    return at


def time_value(at: datetime | None) -> datetime | None:
    return at


def text_of(column: str) -> str:
    return f"convert_from({column}, 'UTF8')"


def seconds_until(column: str) -> str:
    return f"CAST(EXTRACT(EPOCH FROM ({column} - :now)) AS double precision)"


def contains(column: Any, text: Any) -> ColumnElement[bool]:
    return func.strpos(column, text) > 0  # takes half as long as LIKE


def among(column: Any, ids: Sequence[int]) -> ColumnElement[bool]:
    return _is_any_of(column, literal(ids, _Ids()))


def among_bound(column: Any, name: str = "ids") -> ColumnElement[bool]:
    return _is_any_of(column, bindparam(name, type_=_Ids()))


def _is_any_of(column: Any, ids: Any) -> ColumnElement[bool]:
    condition: ColumnElement[bool] = column == any_(ids)
    return condition


class _Ids(TypeDecorator[Sequence[int]]):
    """An array that goes to the driver as a literal, see ``_arrays``.

    A subclass of ARRAY doesn't work: SQLAlchemy puts the one of its driver in its place.
    """

    impl = postgresql.ARRAY(BigInteger)
    cache_ok = True

    def bind_processor(self, dialect: Any) -> Any:
        return lambda ids: f"{{{','.join(map(str, ids))}}}"


def unindexed(column: Any) -> Any:
    return column


def by_partial_index(index_condition: Any, condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """Return ``condition`` alone.

    PostgreSQL multiplies the selectivity of two conditions. With both it would expect almost no rows, and sort them
    instead of reading them in the order of the index.
    """
    return condition


def select_rows(
    connection: Connection, kind: Callable[..., Row], columns: str, source: str, values: Mapping[str, Any]
) -> list[Row]:
    return [kind(*row) for row in run(connection, _in_style_of_driver(f"SELECT {columns} FROM {source}"), values)]


def first_of_each(rows: str) -> str:
    return f"""
        SELECT d.id FROM jsonb_array_elements_text(CAST(:webhooks AS jsonb)) AS wanted
        CROSS JOIN LATERAL ({rows.format(each="CAST(wanted.value AS bigint)")}) AS d
    """


def update_selected(
    connection: Connection,
    columns: Sequence[str],
    source: str,
    assignments: str,
    still: str,
    values: Mapping[str, Any],
) -> Sequence[Sequence[Any]]:
    returning = ", ".join(f"selected.{column}" for column in columns)
    statement = f"""
        WITH selected AS MATERIALIZED ({source}) UPDATE deliveries SET {assignments} FROM selected
        WHERE deliveries.id = selected.id AND {still} RETURNING {returning}
    """
    return run(connection, _in_style_of_driver(statement), values)


@lru_cache(maxsize=256)
def _in_style_of_driver(statement: str) -> str:
    """Return a statement with ``%(name)s`` for each parameter ``:name``."""
    return re.sub(r"(?<!:):(\w+)", r"%(\1)s", statement.replace("%", "%%"))
