"""``flask import-sqlite``: brings everything in an SQLite database into an empty database of PostgreSQL."""

import sqlite3
from contextlib import closing
from pathlib import Path

import click
from flask_migrate import upgrade
from sqlalchemy import NullPool, create_engine

from webhooks_ui.checks import ready, revisions
from webhooks_ui.cli.backup import refuse_while_in_use
from webhooks_ui.cli.group import OneLine, command, plural
from webhooks_ui.database import db, dialect, write_transaction
from webhooks_ui.database.copies import CopyError, check_kind
from webhooks_ui.models import Process, key_check

WRONG_KEYS = (
    "ENCRYPTION_KEYS are not those that {file} was encrypted with, so nothing was copied. Set them to those of its "
    "instance, such as the content of the file encryption_keys in its folder."
)
KEEP = "{file} stays as it is. Don't start the service on it again, or what is pending is sent twice."


@click.command("import-sqlite", cls=OneLine)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def import_sqlite(file: Path) -> None:
    """Copy everything in FILE, a database of SQLite, into the empty database that DATABASE_URL names.

    FILE is webhooks.db of an instance folder, or a backup. Stop web servers, workers and scheduler before. Use the
    same ENCRYPTION_KEYS and SECRET_KEY from now on. All is copied, or nothing is.
    """
    try:
        check_kind(file, "SQLite")
        if dialect(db.engine).data_file(db.engine):
            raise CopyError("DATABASE_URL must name the database of PostgreSQL that everything goes to.")
        _check_source(file)
        _make_tables()
        total = _copy(file)
    except CopyError as error:
        raise click.ClickException(str(error)) from error
    except sqlite3.Error as error:
        raise click.ClickException(f"{file} can't be read: {error}.") from error
    with db.engine.connect() as connection:
        connection.exec_driver_sql("ANALYZE")  # or the first queries would be planned for empty tables
    click.echo(f"{plural(total, 'row')} in all. They were counted again in the database of DATABASE_URL.")
    if lost := ready.keys():
        click.echo(f"{lost.sentence} {lost.advice}", err=True)
    click.echo(KEEP.format(file=file))
    click.echo(f"Start the service on the database of DATABASE_URL, and run: {command('doctor')}")


def _check_source(file: Path) -> None:
    """Check that ``file`` has the tables of this version, that no process uses it, and that our keys open it.

    Raises:
        CopyError: The message says what to do.
    """
    engine = create_engine("sqlite://", creator=lambda: _open(file), poolclass=NullPool)  # nothing stays open
    with closing(_open(file)) as source:
        source.execute("PRAGMA schema_version")  # fails here if it is no database
    present, newest = revisions.present(engine), revisions.known()[-1]
    if present is None:
        raise CopyError(f"{file} has no tables of this product.")
    if present != newest:
        advice = f"Run: DATABASE_URL='sqlite:///{file.resolve()}' {command('db upgrade')}"
        raise CopyError(
            f"{file} is of version {present}, and this version needs {newest}. "
            f"{advice if present in revisions.known() else 'Install the newer version.'}"
        )
    refuse_while_in_use(engine)
    with engine.connect() as connection:
        if not key_check.fit(connection):
            raise CopyError(WRONG_KEYS.format(file=file))


def _make_tables() -> None:
    """Make the tables, if there are none yet.

    Raises:
        CopyError: There are tables of another version.
    """
    if revisions.present() is None:
        upgrade()
    if trouble := ready.migrations():
        raise CopyError(f"{trouble.sentence} {trouble.advice}")


def _copy(file: Path) -> int:
    """Copy all tables but that of the heartbeats. Return the number of rows."""
    from webhooks_ui.database.postgresql_import import import_rows  # here, because it loads the driver of PostgreSQL

    tables = [table for table in db.metadata.sorted_tables if table is not Process.__table__]
    total = 0
    with write_transaction() as connection, closing(_open(file)) as source:
        source.execute("BEGIN")  # so that all tables are read as of one moment
        for name, count in import_rows(connection, source, tables):
            if count:
                click.echo(f"{name}: {count:,}")
            total += count
    return total


def _open(file: Path) -> sqlite3.Connection:
    """Open a file that exists. To read the write-ahead log beside it, SQLite must be able to write."""
    return sqlite3.connect(f"{file.resolve().as_uri()}?mode=rw", uri=True, isolation_level=None)
