"""Writes many rows with one statement: on PostgreSQL as arrays. ``dialect.Dialect`` describes the names."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Table, TableClause
from sqlalchemy.dialects import postgresql

from webhooks_ui.database.facts import Fact, Question
from webhooks_ui.database.family import Born, Children, Family
from webhooks_ui.database.statements import run


def insert_many(
    connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[Sequence[Any]], conflict: str = ""
) -> None:
    if rows:
        head = f"INSERT INTO {table.name} ({', '.join(columns)})"
        run(connection, f"{head} SELECT * FROM {_unnested(table, tuple(columns))} {conflict}", _arrays(rows))


def insert_family(connection: Connection, family: Family, facts: Sequence[Fact] = ()) -> Born | None:
    parts: list[Family | Children] = [family, *(children for children in family.children if children.rows)]
    born = Born({}, [[] for _ in family.children])
    numbers = [number for number, children in enumerate(family.children) if children.rows]
    known = _by_question(facts)
    values = [array for rows in (*known.values(), *(part.rows for part in parts)) for array in _arrays(rows)]
    for part, id, place in run(connection, _family_statement(tuple(known), *map(_shape, parts)), values):
        if part is None:
            return None
        if part == 0:
            born.parents[place - 1] = id
        else:
            born.children[numbers[part - 1]].append(id)
    for ids in born.children:
        ids.sort()
    return born


def hold(connection: Connection, facts: Sequence[Fact]) -> bool:
    known = _by_question(facts)
    values = tuple(array for rows in known.values() for array in _arrays(rows))
    return not known or bool(run(connection, f"WITH {_facts(tuple(known))} SELECT hold FROM facts", values)[0][0])


def _by_question(facts: Iterable[Fact]) -> dict[Question, list[tuple[Any, ...]]]:
    """Return the different rows of each question."""
    known: dict[Question, list[tuple[Any, ...]]] = {}
    for fact in dict.fromkeys(facts):
        known.setdefault(fact.question, []).append(fact.row)
    return known


@lru_cache(maxsize=64)
def _facts(questions: tuple[Question, ...]) -> str:
    """Return the table ``facts``, whose one row says whether the facts about these questions ``hold``.

    Its parameters are an array for each column of each question.
    """
    known = [f"{each.known.name} AS (SELECT * FROM {_unnested(each.known, each.columns)})" for each in questions]
    changed = " OR ".join(each.has_changed(postgresql.dialect()) for each in questions)  # type: ignore[no-untyped-call]
    return ", ".join([*known, f"facts AS MATERIALIZED (SELECT NOT ({changed}) AS hold)"])


def _shape(part: Family | Children) -> tuple[Any, ...]:
    """Return what the statement depends on."""
    if isinstance(part, Family):
        return part.table, tuple(part.columns), tuple(part.unique)
    return part.table, tuple(part.columns), part.has_ids


@lru_cache(maxsize=64)
def _family_statement(questions: tuple[Question, ...], family: tuple[Any, ...], *children: tuple[Any, ...]) -> str:
    """Return the statement that inserts a family of this shape, if facts about these questions hold.

    It returns the number of the part, the id of the row, and for the parents their place from 1. If the facts don't
    hold, it returns a row without a number.
    """
    table, columns, unique = family
    names, key = ", ".join(columns), ", ".join(unique)
    only_if = "WHERE (SELECT hold FROM facts)" if questions else ""
    parts = [
        *([_facts(questions)] if questions else []),
        f"given AS (SELECT * FROM {_unnested(table, columns, numbered=True)} {only_if})",
        f"""new AS (
            INSERT INTO {table.name} ({names}) SELECT {names} FROM given ORDER BY place
            ON CONFLICT ({key}) DO NOTHING RETURNING id, {key}
        )""",
        f"placed AS (SELECT new.id, given.place FROM new JOIN given USING ({key}))",
    ]
    results = ["SELECT 0, id, place FROM placed"]
    results += ["SELECT NULL, NULL, NULL FROM facts WHERE NOT hold"] if questions else []
    for number, (child, columns, has_ids) in enumerate(children, 1):
        link, *own = columns
        parts.append(f"""born{number} AS (
            INSERT INTO {child.name} ({", ".join(columns)})
            SELECT {", ".join(("placed.id", *(f"v.{column}" for column in own)))}
            FROM {_unnested(child, columns, numbered=True)} JOIN placed ON placed.place = v.{link} + 1
            ORDER BY v.place {"RETURNING id" if has_ids else ""}
        )""")
        if has_ids:
            results.append(f"SELECT {number}, id, NULL FROM born{number}")
    return f"WITH {', '.join(parts)} {' UNION ALL '.join(results)}"


def update_held(
    connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[Sequence[Any]], token: str, also: str
) -> set[int]:
    """Do what ``dialect.Dialect`` says, with the rows in the order of their ids."""
    assignments = ", ".join([*(f"{column} = v.{column}" for column in columns), also])
    statement = f"""
        UPDATE {table.name} SET {assignments} FROM {_unnested(table, (*columns, "id"))}
        WHERE {table.name}.id = v.id AND {table.name}.lease_token = %s RETURNING {table.name}.id
    """
    values = (*_arrays(sorted(rows, key=itemgetter(-1))), token)
    return {id for (id,) in run(connection, statement, values)}


def _arrays(rows: Sequence[Sequence[Any]]) -> tuple[str, ...]:
    """Return each column of ``rows`` as a literal of an array.

    The driver would look up how to adapt each value, which takes several times as long.
    """
    return tuple(f"{{{','.join(map(_element, column))}}}" for column in zip(*rows, strict=True))


def _element(value: Any) -> str:
    """Return a value as an element of an array (PostgreSQL, "Array Input and Output Syntax")."""
    if value is None:
        return "NULL"
    if isinstance(value, int | float):  # bool, too
        return str(value)
    if isinstance(value, bytes):
        return f'"\\\\x{value.hex()}"'
    escaped = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


@lru_cache(maxsize=64)
def _unnested(table: TableClause, columns: Sequence[str], numbered: bool = False) -> str:
    """Return SQL that makes a table ``v`` out of one array per column.

    Args:
        numbered: adds the column ``place``, which counts the rows from 1.
    """
    compiled = (table.c[column].type.compile(postgresql.dialect()) for column in columns)  # type: ignore[no-untyped-call]
    types = (type.partition(" COLLATE ")[0] for type in compiled)
    arrays = f"unnest({', '.join(f'%s::{type}[]' for type in types)})"
    names = ", ".join(columns)
    return f"{arrays} WITH ORDINALITY AS v ({names}, place)" if numbered else f"{arrays} AS v ({names})"
