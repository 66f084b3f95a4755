"""Copies of PostgreSQL: archives of ``pg_dump``. ``dialect.Dialect`` describes each name."""

import os
import shutil
import subprocess
from collections.abc import Collection
from pathlib import Path
from typing import Any

from psycopg.errors import LockNotAvailable
from sqlalchemy import URL, Engine
from sqlalchemy.exc import OperationalError

from webhooks_ui.database.copies import CopyError, check_kind, new_file
from webhooks_ui.database.postgresql_poolers import is_pooled

COPY_ENDING = ".dump"
LOCK_SECONDS = 10
INSTALL = "It belongs to PostgreSQL's client programs. On Debian: apt-get install postgresql-client"
SAID_MAX_CHARACTERS = 1_000


def make_copy(engine: Engine, path: Path, tables: Collection[str]) -> None:
    """Run ``pg_dump``. It reads in one transaction, and nobody has to wait for it.

    A copy of the whole database would also make its schema and the tables of others, which are there when it is loaded.
    """
    _refuse_pooler(engine)
    with new_file(path) as part:
        options = ("--format=custom", "--no-owner", "--no-privileges", f"--file={part}")
        ours = [f"--table={name}" for name in tables]
        _run("pg_dump", _address(engine.url), *options, *ours, password=engine.url.password)
        check_copy(part)


def check_copy(path: Path) -> None:
    check_kind(path, "PostgreSQL")
    listed = _run("pg_restore", "--list", str(path))
    if " alembic_version " not in listed:
        raise CopyError(f"{path} has no tables of this product.")


def put_back(engine: Engine, path: Path, before: Path | None, tables: Collection[str]) -> None:
    """Drop our tables and load the archive. If it can't be loaded, load ``before``.

    Tables of others in the same database stay.
    """
    _refuse_pooler(engine)
    _drop(engine, tables)
    try:
        _load(engine.url, path)
    except CopyError as error:
        _drop(engine, tables)
        if before is None:
            raise
        _load(engine.url, before)
        raise CopyError(f"{error} The database was put back as it was.") from error


def _refuse_pooler(engine: Engine) -> None:
    """Raise if a pooler answers. Its other users would get the search path of the programs, which lacks our tables."""
    with engine.connect() as connection:
        driver: Any = connection.connection.dbapi_connection
        if is_pooled(driver):
            raise CopyError(
                "DATABASE_URL leads to a connection pooler, whose sessions would find no tables after this. "
                "Run this again with a DATABASE_URL that leads to the server itself."
            )


def _drop(engine: Engine, tables: Collection[str]) -> None:
    try:
        with engine.connect().execution_options(writes=True) as connection, connection.begin():
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'")
            for name in tables:
                connection.exec_driver_sql(f'DROP TABLE IF EXISTS "{name}" CASCADE')
    except OperationalError as error:
        if not isinstance(error.orig, LockNotAvailable):
            raise
        raise CopyError(
            "Another program uses the tables, so nothing was changed. End it, and run this again."
        ) from error


def _load(url: URL, path: Path) -> None:
    options = ("--no-owner", "--no-privileges", "--single-transaction", "--exit-on-error")
    _run("pg_restore", _address(url), *options, str(path), password=url.password)


def _address(url: URL) -> str:
    """Return the address without its password, because other users can read the arguments of a program."""
    plain = url.set(drivername="postgresql", password=None)
    return f"--dbname={plain.render_as_string(hide_password=False)}"


def _run(program: str, *arguments: str, password: object = None) -> str:
    """Run a client program of PostgreSQL, and return what it prints.

    Raises:
        CopyError: It is not installed, or it fails.
    """
    found = shutil.which(program)
    if not found:
        raise CopyError(f"{program} is not installed. {INSTALL}")
    environment = dict(os.environ) | ({"PGPASSWORD": str(password)} if password else {})
    command = [found, *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise CopyError(f"{program} failed: {' '.join(done.stderr.split())[:SAID_MAX_CHARACTERS]}")
    return done.stdout
