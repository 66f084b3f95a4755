"""SQLite gives the space of purged rows back, a little at a time, and its write-ahead log stays small."""

from datetime import timedelta
from pathlib import Path

import pytest
import time_machine
from flask import Flask
from sqlalchemy import delete, text

from jobs.chores import reclaim as chore
from jobs.chores.reclaim import reclaim
from jobs.publish import publish
from tests.support.factories import make_user
from tests.support.people import session_count
from tests.webhooks_ui.people.test_sessions import start
from webhooks_ui.database import db, dialect, write_transaction, writing
from webhooks_ui.database.sqlite import JOURNAL_MAX_BYTES
from webhooks_ui.events.new_event import NewEvent
from webhooks_ui.models import Event, FormToken, OneTimeToken, utcnow
from webhooks_ui.people import accounts


@pytest.fixture
def file(tmp_path: Path, database_url: str) -> Path:
    if not database_url.startswith("sqlite"):
        pytest.skip("PostgreSQL keeps the space for new rows by itself")
    return tmp_path / "webhooks.db"


def fill_and_delete(count: int) -> None:
    for _ in range(count):
        publish("production", [NewEvent("license.activated", {"pad": "x" * 50_000}) for _ in range(20)])
    with write_transaction() as connection:
        connection.execute(delete(Event))


def test_the_file_shrinks_over_several_runs(app: Flask, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chore, "TURNS", 2)
    fill_and_delete(12)
    sizes = []
    for _ in range(20):
        reclaim()
        with db.engine.connect() as connection:
            connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))
        sizes.append(file.stat().st_size)
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] - sizes[1] <= 1.01 * 2 * chore.TURN_PAGES * 4_096
    assert sizes[-1] < sizes[0] / 5


def test_the_write_ahead_log_stays_small(app: Flask, file: Path) -> None:
    fill_and_delete(80)
    wal = file.with_name("webhooks.db-wal")
    with db.engine.connect() as connection:
        connection.execute(text("PRAGMA wal_checkpoint(RESTART)"))
    publish("production", [NewEvent("license.activated", {})])
    assert wal.stat().st_size <= JOURNAL_MAX_BYTES


def test_a_database_from_before_is_rewritten_once(app: Flask, file: Path) -> None:
    with db.engine.connect() as connection:
        driver = connection.connection.driver_connection
        assert driver is not None
        driver.execute("PRAGMA auto_vacuum=NONE")
        driver.execute("VACUUM")
        assert driver.execute("PRAGMA auto_vacuum").fetchone() == (0,)
    db.engine.dispose()
    dialect(db.engine).after_migration(db.engine)
    with db.engine.connect() as connection:
        assert connection.execute(text("PRAGMA auto_vacuum")).scalar_one() == 2


def test_old_form_tokens_are_forgotten(app: Flask) -> None:
    for token, age in (("old", 25), ("new", 1)):
        db.session.add(FormToken(token=token, address="/", created_at=utcnow() - timedelta(hours=age)))
    db.session.commit()
    reclaim()
    assert db.session.scalars(db.select(FormToken.token)).all() == ["new"]


def test_sessions_and_links_that_ended_by_time_are_forgotten(app: Flask) -> None:
    user = make_user()
    start(user)
    with writing():
        accounts.reset_password(accounts.lock(user.id) or user)
    start(user)
    with time_machine.travel(utcnow() + timedelta(hours=11)):
        reclaim()
        assert (session_count(user), left(OneTimeToken)) == (1, 1)
    with time_machine.travel(utcnow() + timedelta(hours=25)):
        reclaim()
        assert (session_count(user), left(OneTimeToken)) == (0, 0)


def left(model: type[object]) -> int:
    db.session.rollback()
    return int(db.session.scalars(db.select(db.func.count()).select_from(model)).one())
