"""What all groups of commands share: errors on one line, and the format of times and tables."""

import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import click
from flask.cli import AppGroup, with_appcontext
from sqlalchemy import inspect
from sqlalchemy.exc import DatabaseError, SQLAlchemyError

from config import ConfigError
from webhooks_ui.database import db
from webhooks_ui.models import Environment

environment_option = click.option(
    "--environment", required=True, type=click.Choice([environment.value for environment in Environment])
)


class Group(AppGroup):
    """A group of commands that use the database. A database error becomes a message on one line."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except DatabaseError as error:
            raise click.ClickException(_explanation(error)) from error


class OneLine(click.Command):
    """A command of its own that uses the app and the database. A database error becomes a message on one line."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return with_appcontext(super().invoke)(ctx)
        except DatabaseError as error:
            raise click.ClickException(_explanation(error)) from error


class Migrations(click.Group):
    """The commands of Flask-Migrate. An error of the database or of its folder becomes a message on one line."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except DatabaseError as error:
            raise click.ClickException(_unusable(error)) from error
        except ConfigError as error:
            raise click.ClickException(str(error)) from error


def on_one_line(group: click.Group) -> Migrations:
    """Return the group of Flask-Migrate with errors on one line."""
    return Migrations(
        group.name, commands=group.commands, callback=group.callback, params=group.params, help=group.help
    )


def command(words: str) -> str:
    """Return a ``flask`` command to be pasted into the shell that ran the present one."""
    return f"{sys.argv[0]} {words}"


def plural(count: int, noun: str, several: str = "") -> str:
    """Return ``1 event``, ``2,000 events``."""
    return f"{count:,} {noun if count == 1 else several or noun + 's'}"


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return lines of columns. Each column is as wide as its widest cell."""
    lines = [head, *[[str(cell) for cell in row] for row in rows]]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


def minute(at: datetime | None) -> str:
    """Return a time in UTC to the minute, or ``-`` for ``None``."""
    return f"{at:%Y-%m-%d %H:%M}" if at else "-"


def _explanation(error: DatabaseError) -> str:
    try:
        migrated = inspect(db.engine).has_table("alembic_version")
    except SQLAlchemyError:
        migrated = True
    if not migrated:
        return f"The database has no tables yet. To create them, run: {command('db upgrade')}"
    return _unusable(error)


def _unusable(error: DatabaseError) -> str:
    cause = " ".join(str(error.orig).split())
    return f"The database can't be used. Check that it runs and that DATABASE_URL is right: {cause}"
