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
    born = Born({}, [[] for _ in family.children])
    given = {number: children for number, children in enumerate(family.children) if children.rows}
    known = _by_question(facts)
    tables = *known.values(), family.rows, *(children.rows for children in given.values())
    shapes = ((number, children._replace(rows=())) for number, children in given.items())
    statement = _family_statement(tuple(known), family._replace(rows=(), children=()), tuple(shapes))
    for number, id, place in run(connection, statement, [array for rows in tables for array in _arrays(rows)]):
        if id is None:
            return None
        if number < 0:
            born.parents[place - 1] = id
        else:
            born.children[number].append(id)
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


@lru_cache(maxsize=64)
def _family_statement(
    questions: tuple[Question, ...], family: Family, children: tuple[tuple[int, Children], ...]
) -> str:
    """Return the statement that inserts a family of this shape, if facts about these questions hold.

    It returns -1, the id of each parent, and its place from 1, and for each child its number and id. If the facts
    don't hold, it returns a row without an id.

    Args:
        family: without rows and children, as the ``children`` are, so that the statement is remembered.
    """
    names, key = ", ".join(family.columns), ", ".join(family.unique)
    only_if = "WHERE (SELECT hold FROM facts)" if questions else ""
    parts = [
        *([_facts(questions)] if questions else []),
        f"given AS (SELECT * FROM {_unnested(family.table, family.columns, numbered=True)} {only_if})",
        f"""new AS (
            INSERT INTO {family.table.name} ({names}) SELECT {names} FROM given ORDER BY place
            ON CONFLICT ({key}) DO NOTHING RETURNING id, {key}
        )""",
        f"placed AS (SELECT new.id, given.place FROM new JOIN given USING ({key}))",
    ]
    results = ["SELECT -1, id, place FROM placed"]
    results += ["SELECT -1, NULL, NULL FROM facts WHERE NOT hold"] if questions else []
    for number, (table, columns, _, has_ids) in children:
        link, *own = columns
        parts.append(f"""born{number} AS (
            INSERT INTO {table.name} ({", ".join(columns)})
            SELECT {", ".join(("placed.id", *(f"v.{column}" for column in own)))}
            FROM {_unnested(table, columns, numbered=True)} JOIN placed ON placed.place = v.{link} + 1
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
