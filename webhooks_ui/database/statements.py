"""Statements that are built once and run by the driver. SQLAlchemy takes longer for both than the database."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import CompoundSelect, Connection, Delete, Float, Insert, Select, Table
from sqlalchemy.engine import Dialect

from webhooks_ui.database.dialect import dialect

Statement = Select[Any] | CompoundSelect[Any] | Insert | Delete


def run(connection: Connection, statement: str, values: Sequence[Any] | Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """Run a statement with values of the driver, and return its rows.

    It is ``exec_driver_sql`` in a tenth of the time.

    Raises:
        sqlalchemy.exc.DBAPIError: as ``exec_driver_sql``, which SQLAlchemy makes of the driver's error.
    """
    if not connection.in_transaction() and "without_begin" not in connection.get_execution_options():
        connection.begin()
    cursor: Any = connection.connection.cursor()
    try:
        cursor.execute(statement, values)
        rows = dialect(connection).rows_of(cursor)
    except BaseException as error:
        connection._handle_dbapi_exception(error, statement, None, cursor, None)
    cursor.close()
    return rows


def add_many(connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Add to the last of ``columns`` in one row of ``table`` for each of ``rows``.

    The last value of a row is the amount to add. The values before it are the primary key.
    """
    *key, count = columns
    conflict = f"ON CONFLICT ({', '.join(key)}) DO UPDATE SET {count} = {table.name}.{count} + excluded.{count}"
    dialect(connection).insert_many(connection, table, columns, rows, conflict)


class Query:
    """A statement that runs without SQLAlchemy's work on each execution.

    Its values and rows are converted as SQLAlchemy would. Parameters that expand to a list don't work.

    Args:
        statement: The SELECT, or a function that makes it for the kind of database that a connection leads to.
    """

    def __init__(self, statement: Statement | Callable[[Connection], Statement]) -> None:
        self._statement = statement
        self._compiled: dict[type[Dialect], _Compiled] = {}

    def rows(self, connection: Connection, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Run it with the ``values`` of the parameters, by name. Return its rows, if it has any."""
        kind = type(connection.dialect)
        compiled = self._compiled.get(kind)
        if compiled is None:
            statement = self._statement(connection) if callable(self._statement) else self._statement
            compiled = self._compiled[kind] = _Compiled(statement, connection.dialect)
        rows = run(connection, compiled.text, compiled.parameters(values))
        return [compiled.converted(row) for row in rows] if compiled.converters else rows


class _Compiled:
    """A statement for one kind of database."""

    def __init__(self, statement: Statement, dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect)
        self.text = str(compiled)
        self._order: list[str] | None = compiled.positiontup
        self._fixed = dict(compiled.params)
        self._binders = {
            name: process
            for name, bind in compiled.binds.items()
            if (process := bind.type.dialect_impl(dialect).bind_processor(dialect))
        }
        columns = () if isinstance(statement, Insert | Delete) else statement.selected_columns
        types = [column.type.dialect_impl(dialect) for column in columns]
        self.converters = [  # for those values of a row that SQLAlchemy would convert
            (place, process)
            for place, type in enumerate(types)
            if not isinstance(type, Float) and (process := type.result_processor(dialect, None))
        ]  # drivers return a float as it is

    def parameters(self, values: Mapping[str, Any]) -> Any:
        """Return the values in the form that the driver wants."""
        given = {**self._fixed, **values}
        for name, process in self._binders.items():
            given[name] = process(given[name])
        return given if self._order is None else tuple(given[name] for name in self._order)

    def converted(self, row: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return a row of the driver as SQLAlchemy would."""
        values = list(row)
        for place, process in self.converters:
            values[place] = process(values[place])
        return tuple(values)
