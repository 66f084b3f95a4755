"""Rows that are inserted together with other rows, which refer to them. Values are in the types of the driver."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Table


class Children(NamedTuple):
    """Rows that refer to their parents.

    Args:
        columns: the first one holds the ``id`` of the parent.
        rows: each begins with the place of its parent among the rows of the family, counted from 0.
        has_ids: the database numbers them, and their ids are wanted.
    """

    table: Table
    columns: tuple[str, ...]
    rows: Sequence[Sequence[Any]]
    has_ids: bool = False


class Family(NamedTuple):
    """Rows of a table with an ``id`` that the database numbers, and their children.

    Args:
        unique: columns of a unique index. A row whose values exist there already is left out with its children, and so
            is one that another transaction inserts at this moment. Two of the rows never have the same values.
    """

    table: Table
    unique: tuple[str, ...]
    columns: tuple[str, ...]
    rows: Sequence[Sequence[Any]]
    children: Sequence[Children] = ()


class Born(NamedTuple):
    """What was inserted."""

    parents: dict[int, int]  # ids by the places of the rows
    children: list[list[int]]  # for each of the ``children``, the ids of those that were inserted, in their order
