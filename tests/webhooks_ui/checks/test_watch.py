"""Checks are made when somebody asks, in time, and once for all who ask together."""

import logging
import threading
import time
from collections.abc import Iterator

import pytest
from flask import Flask
from redis import RedisError
from sqlalchemy.exc import OperationalError

from tests.support.waiting import wait_for
from webhooks_ui import checks
from webhooks_ui.checks import Check, Level, Trouble, Watch, run, run_patiently

BROKEN = Trouble(Level.FAILED, "It is broken.", "Mend it.")


@pytest.fixture
def hanging(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Checks may take 0.2 s, and hang until the event is set."""
    monkeypatch.setattr(checks, "PATIENCE_SECONDS", 0.2)
    event = threading.Event()
    yield event
    event.set()


def test_a_check_that_hangs_has_failed_and_those_before_it_count(app: Flask, hanging: threading.Event) -> None:
    def hang() -> Trouble | None:
        hanging.wait()
        return None

    watch = Watch(app, [Check("first", lambda: None), Check("second", hang), Check("third", lambda: BROKEN)])
    began = time.monotonic()
    found = watch.look()
    assert time.monotonic() - began < 30
    assert found["first"] is None
    assert found["second"]
    assert "has not ended" in found["second"].sentence
    assert "third" not in found
    hanging.set()
    assert wait_for(lambda: watch.look().get("third")) == BROKEN
    assert watch.look()["second"] is None


def test_a_round_that_hangs_for_long_is_given_up(
    app: Flask, hanging: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "GIVE_UP_SECONDS", 0.1)
    calls = []

    def hang_once() -> Trouble | None:
        calls.append(1)
        if len(calls) == 1:
            hanging.wait()
        return None

    watch = Watch(app, [Check("database", hang_once)])
    assert watch.look()["database"]
    wait_for(lambda: watch.look() == {"database": None})


def test_those_who_ask_together_share_one_round(app: Flask) -> None:
    calls = []

    def count() -> Trouble | None:
        calls.append(1)
        return None

    watch = Watch(app, [Check("first", count)])
    threads = [threading.Thread(target=watch.look) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(calls) == 1


def test_a_check_is_left_out_while_one_that_it_needs_has_a_trouble(app: Flask) -> None:
    watch = Watch(
        app,
        [
            Check("first", lambda: BROKEN),
            Check("second", lambda: BROKEN, needs=("first",)),
            Check("third", lambda: BROKEN, needs=("second",)),
            Check("fourth", lambda: None),
        ],
    )
    assert watch.look() == {"first": BROKEN, "fourth": None}


def test_a_check_that_needs_a_degraded_one_is_made(app: Flask) -> None:
    slight = Trouble(Level.DEGRADED, "It is slow.")
    first = Check("first", lambda: slight)
    second = Check("second", lambda: None, needs=("first",))
    assert Watch(app, [first, second]).look() == {"first": slight, "second": None}


def test_an_error_of_a_check_is_a_trouble(app: Flask) -> None:
    def failing(error: Exception) -> Check:
        def look() -> Trouble | None:
            raise error

        return Check("it", look)

    found = run(failing(OperationalError("SELECT 1", None, Exception("boom"))))
    assert found
    assert (found.level, found.sentence) == (Level.FAILED, "The database can't be used.")
    found = run(failing(RedisError("boom")))
    assert found
    assert found.level is Level.DEGRADED
    found = run(failing(OSError("boom")))
    assert found
    assert found.level is Level.FAILED


def test_readiness_is_logged_when_it_changes(
    app: Flask, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "FRESH_SECONDS", -1)
    troubles: list[Trouble | None] = [None, BROKEN, BROKEN, BROKEN, None, None]
    watch = Watch(app, [Check("it", lambda: troubles.pop(0))])
    with caplog.at_level(logging.WARNING):
        for _ in range(6):
            watch.look()
    assert [record.message for record in caplog.records] == ["Not ready: It is broken.", "Ready again."]


def test_a_reason_that_two_checks_find_is_logged_once(app: Flask, caplog: pytest.LogCaptureFixture) -> None:
    Watch(app, [Check("it", lambda: BROKEN), Check("its disk", lambda: BROKEN)]).look()
    assert [record.message for record in caplog.records] == ["Not ready: It is broken."]


def test_run_patiently_does_not_wait_for_ever(app: Flask, hanging: threading.Event) -> None:
    def hang() -> Trouble | None:
        hanging.wait()
        return None

    found = run_patiently(app, Check("it", hang), 0.1)
    assert found
    assert found.level is Level.FAILED
    assert run_patiently(app, Check("it", lambda: BROKEN)) == BROKEN
