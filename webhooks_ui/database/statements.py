"""Statements that are built once, because building one takes as long as running it."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Select, text
from sqlalchemy.engine import Dialect

statement_of = lru_cache(maxsize=256)(text)


class Query:
    """A SELECT that runs without SQLAlchemy's work on each execution, which takes longer than the database's.

    Its values and rows are converted as SQLAlchemy would. Parameters that expand to a list don't work.
    """

    def __init__(self, statement: Select[Any]) -> None:
        self._statement = statement
        self._compiled: dict[type[Dialect], _Compiled] = {}

    def rows(self, connection: Connection, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Return all rows for the ``values`` of the parameters, by name."""
        dialect = connection.dialect
        compiled = self._compiled.get(type(dialect))
        if compiled is None:
            compiled = self._compiled[type(dialect)] = _Compiled(self._statement, dialect)
        found = connection.exec_driver_sql(compiled.text, compiled.parameters(values)).all()
        return [compiled.converted(row) for row in found]


class _Compiled:
    """A statement for one kind of database."""

    def __init__(self, statement: Select[Any], dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect)
        self.text = str(compiled)
        self._order: list[str] | None = compiled.positiontup
        self._fixed = dict(compiled.params)
        self._binders = {
            name: process
            for name, bind in compiled.binds.items()
            if (process := bind.type.dialect_impl(dialect).bind_processor(dialect))
        }
        types = [column.type.dialect_impl(dialect) for column in statement.selected_columns]
        self._converters = [
            (place, process) for place, type in enumerate(types) if (process := type.result_processor(dialect, None))
        ]

    def parameters(self, values: Mapping[str, Any]) -> Any:
        """Return the values in the form that the driver wants."""
        given = {**self._fixed, **values}
        for name, process in self._binders.items():
            given[name] = process(given[name])
        return given if self._order is None else tuple(given[name] for name in self._order)

    def converted(self, row: Any) -> tuple[Any, ...]:
        """Return a row of the driver as SQLAlchemy would."""
        if not self._converters:
            return tuple(row)
        values = list(row)
        for place, process in self._converters:
            values[place] = process(values[place])
        return tuple(values)
