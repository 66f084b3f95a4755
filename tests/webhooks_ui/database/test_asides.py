"""Writes that a request can do without: they fail in silence, soon, and not again and again."""

import logging
import time
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import Executable, text

from tests.support.locks import locked
from webhooks_ui.database import asides, db, write_aside


def set_to(value: str) -> Executable:
    return text(
        f"INSERT INTO settings (name, value) VALUES ('x', '{value}') ON CONFLICT (name) DO UPDATE SET value = '{value}'"
    )


def stored() -> object:
    db.session.rollback()
    return db.session.execute(text("SELECT value FROM settings WHERE name = 'x'")).scalar()


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """The log of the module."""
    caplog.set_level(logging.WARNING, asides.__name__)
    return caplog


def test_statements_are_one_transaction(app: Flask) -> None:
    write_aside(set_to("1"), set_to("2"))
    assert stored() == 2
    write_aside(set_to("3"), text("SELECT nonsense"))
    assert stored() == 2


def test_while_the_database_is_locked_one_write_waits_a_moment_and_the_next_ones_do_not(
    app: Flask, tmp_path: Path, said: pytest.LogCaptureFixture
) -> None:
    with locked(tmp_path / "webhooks.db"):
        begun = time.monotonic()
        write_aside(set_to("1"))
        assert time.monotonic() - begun < 10
        begun = time.monotonic()
        for _ in range(100):
            write_aside(set_to("1"))
        assert time.monotonic() - begun < 50 * asides.LOCK_SECONDS  # half of what it would be if each waited
    (line,) = said.messages
    assert "The database is locked" in line
    write_aside(set_to("2"))
    assert stored() is None, "the pause is not over"


def test_after_the_pause_it_is_tried_again(
    app: Flask, tmp_path: Path, said: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asides, "PAUSE_SECONDS", 0)
    with locked(tmp_path / "webhooks.db"):
        for _ in range(3):
            write_aside(set_to("1"))
    write_aside(set_to("2"))
    assert stored() == 2
    assert said.messages[1:] == ["The last use of sessions and keys can be stored again."]


def test_other_writes_wait_as_long_as_before(app: Flask) -> None:
    """The short wait is one of the connection, which the next user of it must not inherit."""
    write_aside(set_to("1"))
    with db.engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 10_000
