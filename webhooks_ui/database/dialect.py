"""The differences between SQLite and PostgreSQL. Each has a module with the same names, which ``dialect`` returns."""

import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

from sqlalchemy import ColumnElement, Connection, Engine, Table
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DBAPIError, TimeoutError

from webhooks_ui.database.facts import Fact
from webhooks_ui.database.family import Born, Family

Row = TypeVar("Row")


class Dialect(Protocol):
    """The names that both modules have. Statements are SQL texts, with values bound by name."""

    CONNECT_ARGUMENTS: dict[str, Any]
    """Arguments for the driver's ``connect``. The options of DATABASE_URL come before them."""

    PUBLISHING: int
    """How many transactions of one process may store events at a time."""

    FAMILY_IS_ONE_STATEMENT: bool
    """``insert_family`` needs no transaction around it."""

    HAS_ROUND_TRIPS: bool
    """Each query is sent to a server, so that it is worth while to remember what it returned."""

    JSON_IDS: str
    """A subquery that returns the numbers in the JSON array bound as ``ids``."""

    SKIP_LOCKED: str
    """The end of a SELECT that skips rows which another transaction has locked, where rows can be locked."""

    COPY_ENDING: str
    """How the names of copies of the database end."""

    def make_copy(self, engine: Engine, path: Path, tables: Collection[str]) -> None:
        """Copy the database to the new file ``path``, which only its owner may read. The database stays in use.

        The copy is complete and checked, or there is none.

        Args:
            tables: The names of all tables of ours, or none if they aren't known.

        Raises:
            CopyError: The copy can't be made.
        """

    def check_copy(self, path: Path) -> None:
        """Check that ``path`` is a whole copy of a database of this kind.

        Raises:
            CopyError: It isn't.
        """

    def put_back(self, engine: Engine, path: Path, before: Path | None, tables: Collection[str]) -> None:
        """Replace everything in the database by the copy ``path``. If that fails, the database stays as it was.

        Args:
            before: A copy of the database as it is, if it holds anything.
            tables: The names of all tables of ours.

        Raises:
            CopyError: The copy can't be put back.
        """

    def insert(self, table: Table) -> Any:
        """Return an INSERT that supports ``on_conflict_do_nothing``."""

    def connect(self, arguments: Sequence[Any], keywords: Mapping[str, Any]) -> Any:
        """Return a new connection of the driver, or ``None`` if SQLAlchemy is to make it."""

    def prepare(self, connection: Any) -> None:
        """Configure a new connection of the driver."""

    def rows_of(self, cursor: Any) -> list[tuple[Any, ...]]:
        """Return all rows of a cursor of the driver. There are none after a statement that returns no rows."""

    def migrating(self, connection: Connection) -> AbstractContextManager[None]:
        """Wait until nobody else migrates, and keep others waiting during the block."""

    def after_migration(self, engine: Engine) -> None:
        """Do what a migration can't do in its transaction."""

    def give_space_back(self, connection: Connection, pages: int) -> bool:
        """Give up to ``pages`` unused pages of the database back to the system. Return True if there are more."""

    def prepare_for_worker(self, connection: Any) -> None:
        """Let commits on this connection of the driver return before the data is on the disk, unless it is shared.

        A power failure may then lose the last results. Their deliveries are sent again.

        Let statements read by indexes, however few rows there seem to be. A worker's are planned while nothing waits,
        and keep their plans when there is a backlog.
        """

    def begin(self, connection: Connection, writes: bool) -> None:
        """Begin a transaction. If it ``writes``, take the write lock at once, where there is one."""

    def check_alive(self, connection: Any) -> None:
        """Check a pooled connection of the driver without a round trip.

        Raises:
            sqlalchemy.exc.DisconnectionError: The server closed the connection.
        """

    def note_error(self, context: ExceptionContext) -> None:
        """Tell SQLAlchemy to replace the connections if ``context`` has the error of a database that is read-only."""

    def is_conflict(self, error: BaseException) -> bool:
        """Return True if an error of the driver ended a transaction only because of others that ran beside it."""

    def outage(self, error: BaseException) -> str | None:
        """Return a sentence about why the database can't be used, or ``None`` if an error of the driver isn't such."""

    def brief_write(self, engine: Engine, seconds: float) -> AbstractContextManager[Connection]:
        """Return a writing transaction that waits for locks at most so many ``seconds``."""

    def data_file(self, engine: Engine) -> Path | None:
        """Return the file of the data, or ``None`` if a server keeps it."""

    def log_bytes(self, engine: Engine) -> int | None:
        """Return the size of the write-ahead log, or ``None`` if a server takes care of it."""

    def server_time(self, connection: Connection) -> datetime | None:
        """Return what the server's clock says, or ``None`` without a server."""

    def time_value(self, at: datetime | None) -> Any:
        """Return a time in the form that the driver takes."""

    def text_of(self, column: str) -> str:
        """Return SQL that decodes a column of UTF-8 bytes to text."""

    def seconds_until(self, column: str) -> str:
        """Return SQL for the seconds from the time that is bound as ``now`` until the time in ``column``."""

    def contains(self, column: Any, text: Any) -> ColumnElement[bool]:
        """Return the condition that ``column`` holds ``text``, which may be a parameter."""

    def among(self, column: Any, ids: Sequence[int]) -> ColumnElement[bool]:
        """Return the condition that ``column`` is one of ``ids``, which may be thousands: they are one parameter."""

    def among_bound(self, column: Any, name: str = "ids") -> ColumnElement[bool]:
        """Return the same condition for the ids that are bound as ``name``. A ``Query`` takes it, too."""

    def unindexed(self, column: Any) -> Any:
        """Return ``column`` in a form that keeps the query planner from using an index on it."""

    def by_partial_index(self, index_condition: Any, condition: ColumnElement[bool]) -> ColumnElement[bool]:
        """Return ``condition`` in a form that uses the partial index with ``index_condition``.

        ``condition`` must imply ``index_condition``.
        """

    def insert_many(
        self,
        connection: Connection,
        table: Table,
        columns: Sequence[str],
        rows: Sequence[Sequence[Any]],
        conflict: str = "",
    ) -> None:
        """Insert ``rows``. Their values are in the order of ``columns``, in the types of the driver.

        Args:
            conflict: SQL for rows that are there already: ``ON CONFLICT …``. Both databases know the same.
        """

    def insert_family(self, connection: Connection, family: Family, facts: Sequence[Fact] = ()) -> Born | None:
        """Insert the rows of a family, in one statement where the database can.

        Return ``None``, and insert nothing, if one of the ``facts`` doesn't hold any more.
        """

    def hold(self, connection: Connection, facts: Sequence[Fact]) -> bool:
        """Return True if all ``facts`` still hold."""

    def update_held(
        self,
        connection: Connection,
        table: Table,
        columns: Sequence[str],
        rows: Sequence[Sequence[Any]],
        token: str,
        also: str,
    ) -> set[int]:
        """Update one row of ``table`` for each of ``rows``, if it has this ``lease_token``. Return their ids.

        Args:
            rows: Values for ``columns``, then the row's ``id``.
            also: The same for all rows, in SQL: ``column = value, …``.
        """

    def select_rows(
        self, connection: Connection, kind: Callable[..., Row], columns: str, source: str, values: Mapping[str, Any]
    ) -> list[Row]:
        """Return ``kind(*row)`` for each row of ``SELECT columns FROM source``.

        The columns must have JSON types. Times and bytes don't work.
        """

    def first_of_each(self, rows: str) -> str:
        """Return a SELECT of delivery ids that runs ``rows`` for each number in the JSON array bound as ``webhooks``.

        Args:
            rows: A SELECT of delivery ids, with ``{each}`` in place of the number.
        """

    def update_selected(
        self,
        connection: Connection,
        columns: Sequence[str],
        source: str,
        assignments: str,
        still: str,
        values: Mapping[str, Any],
    ) -> Sequence[Sequence[Any]]:
        """Update the deliveries that ``source`` selects. Return the values that it selected.

        Args:
            columns: The columns of ``source`` to return. The first one is the ``id``.
            still: SQL that must also hold for a delivery that another transaction changes meanwhile.
        """


# Only the module of the database that is used is imported. The driver of PostgreSQL alone takes 8 MiB in memory.
_DRIVERS = {"sqlite": "sqlite3", "postgresql": "psycopg"}

if TYPE_CHECKING:  # mypy compares both modules with the protocol
    from webhooks_ui.database import postgresql, sqlite

    _ALIKE: tuple[Dialect, Dialect] = (sqlite, postgresql)


def dialect(bind: Connection | Engine) -> Dialect:
    """Return the module for the database of ``bind``."""
    return _module(bind.dialect.name)


def is_conflict(error: BaseException) -> bool:
    """Return True if the database ended a transaction only because of others, so that it may succeed now."""
    cause = _cause(error)
    return any(_module(name).is_conflict(cause) for name in _loaded())


def outage(error: BaseException) -> str | None:
    """Return a sentence about why the database can't be used, or ``None`` if ``error`` has another cause."""
    if isinstance(error, TimeoutError):
        return "All connections to the database are in use."
    cause = _cause(error)
    return next((words for name in _loaded() if (words := _module(name).outage(cause))), None)


def reason(error: BaseException) -> str:
    """Return the cause of an error of the database in one line, for the log."""
    return f"{outage(error) or 'The database failed.'} ({driver_words(error)})"


def driver_words(error: BaseException) -> str:
    """Return in one line what the driver says in an error of the database."""
    return " ".join(str(_cause(error)).split())


def dialect_of_url(database_url: str) -> Dialect:
    """Return the module for the kind of database that an SQLAlchemy URL names."""
    return _module("sqlite" if database_url.startswith("sqlite") else "postgresql")


def _cause(error: BaseException) -> BaseException:
    """Return the driver's error in one of SQLAlchemy, or ``error`` itself."""
    return error.orig if isinstance(error, DBAPIError) and error.orig else error


def _loaded() -> list[str]:
    """Return the names of the databases whose drivers are loaded. No other driver can fail."""
    return [name for name, driver in _DRIVERS.items() if driver in sys.modules]


@cache
def _module(name: str) -> Dialect:
    return cast(Dialect, import_module(f"webhooks_ui.database.{name}"))
