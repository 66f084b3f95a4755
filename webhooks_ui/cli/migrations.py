"""``flask db``: the commands of Flask-Migrate, with errors on one line."""

import logging
import sys
from typing import Any

import click
from alembic.script.revision import ResolutionError
from alembic.util import CommandError
from sqlalchemy.exc import DatabaseError, SQLAlchemyError

from config import ConfigError
from webhooks_ui.checks import Trouble, revisions
from webhooks_ui.cli.group import command, unusable


class Migrations(click.Group):
    """The commands of Flask-Migrate. An error of theirs, of the database or of its folder becomes one line."""

    def invoke(self, ctx: click.Context) -> Any:
        logging.getLogger("flask_migrate").disabled = True  # it would tell each error, too, and in Alembic's words
        try:
            done = super().invoke(ctx)
            sys.stdout.flush()  # Alembic doesn't, so that an error would come too late
            return done
        except DatabaseError as error:
            raise click.ClickException(unusable(error)) from error
        except ConfigError as error:
            raise click.ClickException(str(error)) from error
        except SystemExit as end:
            if isinstance(end.__context__, CommandError | RuntimeError):  # Flask-Migrate ends the process at each
                raise click.ClickException(_explanation(end.__context__)) from end
            raise


def on_one_line(group: click.Group) -> Migrations:
    """Return the group of Flask-Migrate with errors on one line."""
    return Migrations(
        group.name, commands=group.commands, callback=group.callback, params=group.params, help=group.help
    )


def _explanation(error: CommandError | RuntimeError) -> str:
    if trouble := _newer():
        return f"{trouble.sentence} {trouble.advice}"
    if isinstance(error.__cause__, ResolutionError):
        return f"There is no revision {error.__cause__.argument}. To see all, run: {command('db history')}"
    return " ".join(str(error).split())


def _newer() -> Trouble | None:
    try:
        return revisions.newer(revisions.present())
    except SQLAlchemyError:
        return None
