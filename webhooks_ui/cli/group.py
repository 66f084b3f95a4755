"""What all groups of commands share: errors in one line, times and tables as people read them."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import click
from flask.cli import AppGroup
from sqlalchemy import inspect
from sqlalchemy.exc import DatabaseError, SQLAlchemyError

from webhooks_ui.database import db
from webhooks_ui.models import Environment

environment_option = click.option(
    "--environment", required=True, type=click.Choice([environment.value for environment in Environment])
)


class Group(AppGroup):
    """Commands that work on the database, and say in one line why they can't."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except DatabaseError as error:
            raise click.ClickException(_explanation(error)) from error


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Lines of columns as wide as their widest cell."""
    lines = [head, *[[str(cell) for cell in row] for row in rows]]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


def minute(at: datetime | None) -> str:
    """A time in UTC, to the minute; ``-`` where there is none."""
    return f"{at:%Y-%m-%d %H:%M}" if at else "-"


def _explanation(error: DatabaseError) -> str:
    try:
        migrated = inspect(db.engine).has_table("alembic_version")
    except SQLAlchemyError:
        migrated = True
    if not migrated:
        return "The database has no tables yet. Run: flask db upgrade (or make run, which does it for you)."
    return f"The database doesn't answer: {error.orig}"
