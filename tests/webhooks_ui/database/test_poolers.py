"""A pooler such as PgBouncer gives each transaction another session of PostgreSQL. Nothing may be left in one."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from jobs.worker import prepare_connections
from tests.support.pooler import pooler
from webhooks_ui.database import db, dialect
from webhooks_ui.database.copies import CopyError


@pytest.fixture
def database_url(postgresql_url: str) -> Iterator[str]:
    with pooler(postgresql_url) as address:
        yield address


def worker_settings() -> set[str]:
    """Return the values of what a worker sets, in both sessions of a pooler."""
    prepare_connections(db.engine)
    db.engine.dispose()
    shows = [text(f"SHOW {name}") for name in ("synchronous_commit", "enable_seqscan") for _ in range(2)]
    with db.engine.connect() as connection:
        return {connection.scalar(show) for show in shows}


def test_no_statement_is_prepared(app: Flask) -> None:
    """The driver prepares what it runs for the sixth time. The next transaction's session doesn't know it."""
    with db.engine.connect() as connection:
        assert [connection.scalar(text("SELECT CAST(:n AS int)"), {"n": n}) for n in range(20)] == list(range(20))


def test_a_worker_leaves_no_settings_to_publishers(app: Flask) -> None:
    """An event would be answered with 202 before its commit is on the disk."""
    assert worker_settings() == {"on"}


class TestWithoutPooler:
    @pytest.fixture
    def database_url(self, postgresql_url: str) -> str:
        return postgresql_url

    def test_a_worker_has_its_settings(self, app: Flask) -> None:
        assert worker_settings() == {"off"}


def test_a_copy_is_not_made(app: Flask, tmp_path: Path) -> None:
    """pg_dump sets an empty search path, with which the next transaction finds no tables."""
    with pytest.raises(CopyError, match="leads to a connection pooler"):
        dialect(db.engine).make_copy(db.engine, tmp_path / "a.dump", ["webhooks"])


def test_nothing_is_put_back(app: Flask, tmp_path: Path) -> None:
    with pytest.raises(CopyError, match="leads to a connection pooler"):
        dialect(db.engine).put_back(db.engine, tmp_path / "a.dump", None, ["webhooks"])
