"""Heartbeats: a process writes them while it runs, and its row goes when it ends."""

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from tests.support.both_databases import database_url
from tests.support.factories import make_process
from tests.support.waiting import wait_for
from webhooks_ui import counting, pulse
from webhooks_ui.database import db, write_transaction
from webhooks_ui.models import Process, ProcessKind, utcnow
from webhooks_ui.pulse import Pulse

__all__ = ["database_url"]  # a fixture

PUBLISHED = "webhooks_events_published", '["production"]'


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulse, "BEAT_SECONDS", 0.02)


@pytest.fixture
def beating(app: Flask, quick: None) -> Iterator[Pulse]:
    beats = Pulse(app, ProcessKind.WORKER)
    beats.start()
    yield beats
    beats.stop()


def processes() -> list[Process]:
    db.session.rollback()
    found = list(db.session.scalars(db.select(Process).order_by(Process.started_at)))
    db.session.expunge_all()
    db.session.rollback()
    return found


def test_a_process_writes_heartbeats_and_its_progress(beating: Pulse) -> None:
    (first,) = wait_for(processes)
    assert (first.kind, first.pid, first.id) == ("worker", os.getpid(), beating.id)
    beating.progress(5)
    wait_for(lambda: processes()[0].in_flight == 5)
    (later,) = processes()
    assert later.beat_at > first.beat_at
    assert later.progressed_at > first.progressed_at
    assert later.started_at == first.started_at


def test_starting_twice_starts_one_thread(beating: Pulse) -> None:
    wait_for(processes)
    beating.start()
    assert len(processes()) == 1


def test_a_process_that_ends_stores_its_counts_and_takes_its_row_along(app: Flask, quick: None) -> None:
    beats = Pulse(app, ProcessKind.WORKER)
    beats.start()
    wait_for(processes)
    counting.of(app).add({PUBLISHED: 1.0})
    beats.stop()
    assert processes() == []
    with db.engine.connect() as connection:
        assert counting.stored(connection) == {PUBLISHED: 1}


def test_a_command_that_never_beats_stores_its_counts(app: Flask) -> None:
    counting.of(app).add({PUBLISHED: 1.0})
    Pulse(app, ProcessKind.WEB).stop()
    with db.engine.connect() as connection:
        assert len(counting.stored(connection)) == 1
    assert processes() == []


def test_rows_of_killed_processes_of_this_machine_go_and_those_of_stopped_ones_stay(app: Flask, quick: None) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    silent: dict[str, Any] = {"beat_at": utcnow() - timedelta(seconds=30)}
    make_process(id="dead", host=pulse._host(), pid=dead.pid, **silent)
    make_process(id="stopped", host=pulse._host(), pid=os.getppid(), **silent)
    make_process(id="elsewhere", host="other.example.com", pid=dead.pid, **silent)
    make_process(id="long ago", host="other.example.com", beat_at=utcnow() - timedelta(hours=1))
    beats = Pulse(app, ProcessKind.SCHEDULER)
    beats.start()
    wait_for(lambda: "long ago" not in {process.id for process in processes()})
    beats.stop()
    assert {process.id for process in processes()} == {"stopped", "elsewhere"}


def test_the_heart_beats_on_after_an_error_that_nobody_expected(
    app: Flask, quick: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(connection: object, counts: object) -> None:
        raise RuntimeError("boom")

    with monkeypatch.context() as patch:
        patch.setattr(counting, "store", fail)
        beats = Pulse(app, ProcessKind.WORKER)
        beats.start()
        wait_for(lambda: "boom" in caplog.text)
        assert processes() == []
    wait_for(processes)
    beats.stop()


def test_an_outage_of_the_database_is_told_once_and_then_the_heart_beats_again(
    app: Flask, beating: Pulse, caplog: pytest.LogCaptureFixture
) -> None:
    wait_for(processes)
    with caplog.at_level(logging.WARNING):
        with write_transaction() as connection:  # the heart beats meanwhile, and SQLite makes no writer of a reader
            Process.__table__.drop(connection)
        wait_for(lambda: caplog.records)
        assert not beating.wrote_within(5)
        with write_transaction() as connection:
            Process.__table__.create(connection)
        wait_for(processes)
        wait_for(lambda: len(caplog.records) > 1)
    told = [record.message for record in caplog.records]
    assert beating.wrote_within(5)
    assert len(told) == 2
    assert told[0].startswith("No heartbeat can be written: The database has no tables of this version.")
    assert told[1] == "Heartbeats are written again."
