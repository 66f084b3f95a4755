"""What all groups of commands share: errors on one line, and the format of times and tables."""

import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import click
from flask.cli import AppGroup, with_appcontext
from sqlalchemy.exc import DatabaseError, SQLAlchemyError

from webhooks_ui.checks import revisions
from webhooks_ui.database import driver_words, outage, reason
from webhooks_ui.models import Environment
from webhooks_ui.utf8 import is_utf8

environment_option = click.option(
    "--environment", required=True, type=click.Choice([environment.value for environment in Environment])
)


class InUtf8(click.Command):
    """A command that refuses words which aren't in UTF-8. No database and no terminal could show them."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        for word in args:
            if not is_utf8(word):
                raise click.UsageError(f"{word!r} is not in UTF-8.", ctx)
        return super().parse_args(ctx, args)


class OneLine(InUtf8):
    """A command that uses the app and the database. A database error becomes a message on one line."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return with_appcontext(super().invoke)(ctx)
        except DatabaseError as error:
            raise click.ClickException(_explanation(error)) from error


class OfThisVersion(InUtf8):
    """A command of a group that needs the tables of this version. It does nothing to a database that is older."""

    def invoke(self, ctx: click.Context) -> Any:
        return with_appcontext(self._invoke)(ctx)

    def _invoke(self, ctx: click.Context) -> Any:
        present = revisions.present()
        if revisions.is_older(present):
            raise click.ClickException(_older(present))
        return super().invoke(ctx)


class Group(AppGroup):
    """A group of commands that use the database. A database error becomes a message on one line."""

    command_class = OfThisVersion

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)  # the options of a command may use the database before it begins
        except DatabaseError as error:
            raise click.ClickException(_explanation(error)) from error


def command(words: str) -> str:
    """Return a ``flask`` command to be pasted into the shell that ran the present one."""
    program = sys.argv[0]
    if program.endswith("__main__.py"):  # that of python -m flask, which is no program
        program = f"{sys.executable} -m flask"
    return f"{program} {words}"


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


def unusable(error: DatabaseError) -> str:
    """Return a sentence about a database that doesn't work, or that refuses one of our statements."""
    if outage(error):
        return f"{reason(error)} Check that the database runs and that DATABASE_URL is right."
    return f"The database answers, but refuses a statement: {driver_words(error)}"


def _explanation(error: DatabaseError) -> str:
    try:
        present = revisions.present()
    except SQLAlchemyError:
        return unusable(error)
    if present is None:
        return f"The database has no tables yet. To create them, run: {command('db upgrade')}"
    return _older(present) if revisions.is_older(present) else unusable(error)


def _older(present: str | None) -> str:
    needed = revisions.known()[-1]
    return f"The database is of version {present}, and this version needs {needed}. Run: {command('db upgrade')}"
