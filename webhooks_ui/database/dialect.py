"""What SQLite and PostgreSQL do differently: one module each, with the same names. ``dialect`` chooses."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol, TypeVar

from sqlalchemy import ColumnElement, Connection, Engine, Table

from webhooks_ui.database import postgresql, sqlite

Row = TypeVar("Row")


class Dialect(Protocol):
    """The names that both modules have. Statements are texts, whose values are bound by name."""

    CONNECT_ARGUMENTS: dict[str, Any]
    """Arguments for the driver's ``connect``."""

    SINGLE_QUERY_OPTIONS: dict[str, Any]
    """Execution options for a connection that runs a single query."""

    ROW_LOCK: str
    """Ends a SELECT whose rows are locked until the transaction ends."""

    JSON_IDS: str
    """A subquery: the numbers in the JSON array that is bound as ``ids``."""

    def insert(self, table: Table) -> Any:
        """Return an INSERT that knows ``on_conflict_do_nothing``."""

    def prepare(self, connection: Any) -> None:
        """Prepare a new connection of the driver."""

    def relax_commits(self, connection: Any) -> None:
        """Let commits on a connection of the driver return before they are on the disk."""

    def begin(self, connection: Connection, writes: bool) -> None:
        """Begin a transaction, and take the right to write at once if it ``writes``."""

    def check_alive(self, connection: Any) -> None:
        """Check a pooled connection of the driver without a round trip.

        Raises:
            sqlalchemy.exc.DisconnectionError: the server closed it.
        """

    def time_value(self, at: datetime | None) -> Any:
        """Return a time as the driver takes it."""

    def text_of(self, column: str) -> str:
        """Return SQL for a column of bytes that are UTF-8 as text."""

    def contains(self, column: Any, text: str) -> ColumnElement[bool]:
        """Return the condition that ``column`` holds ``text``."""

    def unindexed(self, column: Any) -> Any:
        """Return ``column`` in a form that no index is chosen for."""

    def by_partial_index(self, index_condition: Any, condition: ColumnElement[bool]) -> ColumnElement[bool]:
        """Return ``condition`` so that the partial index with ``index_condition``, which it implies, is used."""

    def insert_many(
        self, connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[Sequence[Any]]
    ) -> None:
        """Insert ``rows``, whose values are in the order of ``columns`` and of the driver's own types."""

    def update_many(
        self, connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[Sequence[Any]]
    ) -> None:
        """Update the rows of ``table`` whose ``id`` is the last value of each of ``rows``."""

    def add_many(
        self, connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[Sequence[Any]]
    ) -> None:
        """Add the last value of each of ``rows`` to the last column, in the row whose primary key the others are."""

    def select_rows(
        self, connection: Connection, kind: Callable[..., Row], columns: str, source: str, values: Mapping[str, Any]
    ) -> list[Row]:
        """Return ``kind(*row)`` for each row of ``SELECT columns FROM source``.

        The values are what JSON has: no times and no bytes.
        """

    def first_of_each(self, array: str, rows: str) -> str:
        """Return a SELECT of the ids that ``rows`` gives for each number in the bound JSON array ``array``.

        Args:
            rows: a SELECT of ids of deliveries that holds ``{each}`` where the number belongs. Rows that another
                transaction has locked are passed over.
        """

    def first_of_all(self, rows: str) -> str:
        """Return the SELECT ``rows`` so that rows which another transaction has locked are passed over."""

    def update_selected(
        self,
        connection: Connection,
        kind: Callable[..., Row],
        table: str,
        assignments: str,
        columns: Sequence[str],
        source: str,
        condition: str,
        values: Mapping[str, Any],
    ) -> list[Row]:
        """Update the rows of ``table`` that ``source`` selects under ``condition``, and return what it selected.

        Args:
            columns: of ``source``, which is named ``selected`` in ``condition``. The first one is the ``id``.
        """


_DIALECTS: dict[str, Dialect] = {"sqlite": sqlite, "postgresql": postgresql}


def dialect(bind: Connection | Engine) -> Dialect:
    """Return what is special in the database that ``bind`` leads to."""
    return _DIALECTS[bind.dialect.name]


def dialect_of_url(database_url: str) -> Dialect:
    """Return what is special in the kind of database that an SQLAlchemy URL names."""
    return _DIALECTS["sqlite" if database_url.startswith("sqlite") else "postgresql"]
