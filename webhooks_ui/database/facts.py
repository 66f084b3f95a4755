"""Facts: what a process remembers of the database. What rests on a fact is stored only if the fact still holds.

So nobody has to tell all processes what has changed, and no query is needed before a statement that stores something.
"""

from typing import Any, NamedTuple

from sqlalchemy import Dialect, ScalarSelect, Select, TableClause, Text, exists
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

ANSWER = "answer"


class row_text(FunctionElement[str]):
    """A text that differs if one of the given columns does."""

    type = Text()
    inherit_cache = True


@compiles(row_text, "postgresql")
def _row_of_postgresql(element: row_text, compiler: Any, **options: Any) -> str:
    return f"CAST(ROW({compiler.process(element.clauses, **options)}) AS TEXT)"


@compiles(row_text, "sqlite")
def _row_of_sqlite(element: row_text, compiler: Any, **options: Any) -> str:
    return f"json_array({compiler.process(element.clauses, **options)})"


class Question:
    """A question with a text as its answer.

    Args:
        known: a table that exists only in statements. Its columns are what the question is about, and last the answer.
        query: returns the answer for a row of ``known``.
    """

    def __init__(self, known: TableClause, query: Select[str]) -> None:
        self.known = known
        self.columns = tuple(known.c.keys())
        self._answer: ScalarSelect[str] = query.correlate(known).scalar_subquery()

    def has_changed(self, dialect: Dialect) -> str:
        """Return SQL for the condition that a row of ``known`` has another answer now."""
        changed = exists().where(self._answer.is_distinct_from(self.known.c[ANSWER])).select_from(self.known)
        return str(changed.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))


class Fact(NamedTuple):
    """A question with its answer.

    Args:
        row: the values of the question's columns, the answer last, in the types of the driver.
    """

    question: Question
    row: tuple[Any, ...]
