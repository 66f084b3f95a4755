"""Copies of SQLite: a database file, made with SQLite's backup API. ``dialect.Dialect`` describes each name."""

import sqlite3
from collections.abc import Collection
from contextlib import closing
from pathlib import Path

from sqlalchemy import Engine

from webhooks_ui.database.copies import CopyError, check_kind, new_file

COPY_ENDING = ".db"
LOCK_SECONDS = 10.0


def make_copy(engine: Engine, path: Path, tables: Collection[str]) -> None:
    """Copy all pages in one step, in one reading transaction: writers go on, and the copy is of one moment."""
    source = Path(str(engine.url.database))
    if not source.exists():
        raise CopyError(f"There is no database {source}.")
    with new_file(path) as part:
        try:
            with closing(sqlite3.connect(source, timeout=LOCK_SECONDS)) as live, closing(sqlite3.connect(part)) as copy:
                live.backup(copy, pages=-1)
                copy.execute("PRAGMA journal_mode=DELETE")  # so that the copy is one file
        except sqlite3.Error as error:
            raise CopyError(f"The database can't be copied: {error}.") from error
        check_copy(part)


def check_copy(path: Path) -> None:
    check_kind(path, "SQLite")
    try:
        with closing(_read_only(path)) as copy:
            problem = copy.execute("PRAGMA integrity_check(1)").fetchone()[0]
            tables = copy.execute("SELECT count(*) FROM sqlite_master WHERE name = 'alembic_version'").fetchone()[0]
    except sqlite3.Error as error:
        raise CopyError(f"{path} is no whole database of SQLite: {error}.") from error
    if problem != "ok":
        raise CopyError(f"{path} is damaged: {problem}.")
    if not tables:
        raise CopyError(f"{path} has no tables of this product.")


def put_back(engine: Engine, path: Path, before: Path | None, tables: Collection[str]) -> None:
    """Write the copy's pages over those of the database, in one transaction of SQLite."""
    engine.dispose()
    file = Path(str(engine.url.database))
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        with closing(_read_only(path)) as copy, closing(sqlite3.connect(file, timeout=LOCK_SECONDS)) as live:
            copy.backup(live, pages=-1)
            live.execute("PRAGMA journal_mode=WAL")
            live.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.Error as error:
        raise CopyError(f"The backup can't be put back: {error}. Nothing was changed.") from error


def _read_only(path: Path) -> sqlite3.Connection:
    """Open a copy, without making files beside it."""
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)
