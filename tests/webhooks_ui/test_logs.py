"""The log: one format, with the ids of what each line is about."""

import json
import logging
import os
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
import time_machine

from config import ROOT
from webhooks_ui import logs

logger = logging.getLogger("webhooks_ui.somewhere")


@pytest.fixture(autouse=True)
def restored(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Put the log of the tests back afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in logs.NOISY}
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    yield
    logging.captureWarnings(False)
    logs.unbind()
    logs._of_process.clear()
    root.handlers[:], root.level = handlers, level
    for name, old in levels.items():
        logging.getLogger(name).setLevel(old)


def configure(format: str = "json", level: str = "info") -> None:
    logs.configure({"LOG_FORMAT": format, "LOG_LEVEL": level}, "worker")


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().err.splitlines()


def test_a_line_of_json_has_time_level_process_message_and_ids(capsys: pytest.CaptureFixture[str]) -> None:
    configure()
    logs.name_process(worker="ab12")
    logs.bind(request="req_1")
    with time_machine.travel("2026-11-26T12:00:00.123Z", tick=False):
        logger.info("Delivered to %s.", "Zoë", extra=logs.ids(event="evt_1", delivery=7, code=None))
    (line,) = lines(capsys)
    assert line.startswith('{"time":"2026-11-26T12:00:00.123Z","level":"info",')  # as docs/operations.md shows it
    found = json.loads(line)
    assert found.pop("pid") > 0
    assert found == {
        "time": "2026-11-26T12:00:00.123Z",
        "level": "info",
        "logger": "webhooks_ui.somewhere",
        "message": "Delivered to Zoë.",
        "process": "worker",
        "worker": "ab12",
        "request": "req_1",
        "event": "evt_1",
        "delivery": 7,
    }


@pytest.mark.parametrize("format", ["json", "text"])
def test_an_entry_about_many_things_is_a_line_for_each(format: str, capsys: pytest.CaptureFixture[str]) -> None:
    configure(format)
    logger.info("Delivered.", extra=logs.each([{"event": "evt_1", "code": 200}, {"event": "evt_2", "code": None}]))
    first, second = lines(capsys)
    if format == "json":
        found = json.loads(first), json.loads(second)
        assert [(one["message"], one["process"], one["event"], one.get("code")) for one in found] == [
            ("Delivered.", "worker", "evt_1", 200),
            ("Delivered.", "worker", "evt_2", None),
        ]
    else:
        assert first.endswith(" Delivered. [process=worker event=evt_1 code=200]")
        assert second.endswith(" Delivered. [process=worker event=evt_2]")


def test_a_message_or_traceback_with_line_ends_stays_on_one_line_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    configure()
    try:
        raise ValueError("two\nlines")
    except ValueError:
        logger.exception("It failed\nhere")
    (line,) = lines(capsys)
    found = json.loads(line)
    assert found["message"] == "It failed\nhere"
    assert found["traceback"].endswith("ValueError: two\nlines")


def test_a_readable_line_has_the_same_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure("text")
    with time_machine.travel("2026-11-26T12:00:00Z", tick=False):
        logger.warning("It failed\nhere", extra=logs.ids(event="evt_1"))
    assert lines(capsys) == [
        "2026-11-26T12:00:00.000Z WARNING webhooks_ui.somewhere: It failed here [process=worker event=evt_1]"
    ]


CONTROLS = [*map(chr, range(0x20)), *map(chr, range(0x7F, 0xA0))]


@pytest.mark.parametrize("format", ["json", "text"])
def test_no_control_character_reaches_the_terminal(format: str, capsys: pytest.CaptureFixture[str]) -> None:
    configure(format)
    text = f"a{''.join(CONTROLS)}z"
    try:
        raise ValueError(text)
    except ValueError:
        logger.exception("GET %s", text, extra=logs.ids(route=text))
    logger.info("Delivered.", extra=logs.each([{"event": text}]))
    written = capsys.readouterr().err
    assert not {*CONTROLS} - {"\n"} & {*written}
    if format == "json":
        first, second = map(json.loads, written.splitlines())
        assert (first["message"], first["route"], second["event"]) == (f"GET {text}", text, text)
    else:
        assert r"\x08\x09 \x0b" in written
        assert written.count(r"\x1b") == 4
        assert r"event=a\x00" in written


def test_the_ids_of_a_request_end_with_it(capsys: pytest.CaptureFixture[str]) -> None:
    configure()
    logs.bind(request="req_1")
    logs.unbind()
    logger.info("Next.")
    assert "req_1" not in lines(capsys)[0]


@pytest.mark.parametrize(("level", "told"), [("debug", 3), ("info", 2), ("warning", 1), ("error", 0)])
def test_the_level_chooses_the_lines(level: str, told: int, capsys: pytest.CaptureFixture[str]) -> None:
    configure(level=level)
    logger.debug("debug")
    logger.info("info")
    logger.warning("warning")
    assert len(lines(capsys)) == told


def test_libraries_are_silent_below_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    configure(level="debug")
    logging.getLogger("urllib3.connectionpool").debug("noise")
    assert lines(capsys) == []


def test_a_library_with_a_handler_of_its_own_writes_the_same_lines(capsys: pytest.CaptureFixture[str]) -> None:
    server = logging.getLogger("gunicorn.error")
    server.propagate = False
    server.addHandler(logging.StreamHandler())
    configure()
    server.critical("WORKER TIMEOUT (pid:%d)", 7)
    (line,) = lines(capsys)
    assert json.loads(line)["message"] == "WORKER TIMEOUT (pid:7)"


def test_warnings_and_uncaught_errors_are_lines_of_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    configure()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("old", stacklevel=1)

    def fail() -> None:
        raise RuntimeError("lost")

    thread = threading.Thread(target=fail, name="sender-1")
    thread.start()
    thread.join()
    found = [json.loads(line) for line in lines(capsys)]
    assert [line["level"] for line in found] == ["warning", "error"]
    assert found[1]["message"] == "The thread sender-1 ends: lost"
    assert "RuntimeError" in found[1]["traceback"]


def test_a_trouble_that_goes_on_is_told_once_a_minute_and_its_end_once(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1_000.0
    monkeypatch.setattr(logs, "monotonic", lambda: now)
    seldom = logs.Seldom(logger)
    with caplog.at_level(logging.INFO):
        seldom.over("Never began.")
        for _ in range(100):
            seldom.say("Broken: %s", "x")
            now += 1
        seldom.over("Well again.")
        seldom.over("Well again.")
        seldom.say("Broken: %s", "again")
    told = [record.getMessage() for record in caplog.records]
    assert told == ["Broken: x", "Broken: x", "Well again.", "Broken: again"]


@pytest.mark.parametrize(("from_cli", "process"), [("true", "command"), ("false", "web")])
def test_the_lines_of_a_command_say_that_they_are_of_one(tmp_path: Path, from_cli: str, process: str) -> None:
    removed = {"DATABASE_URL", "REDIS_URL", "APP_ENV", "SECRET_KEY", "ENCRYPTION_KEYS"}
    environ = {name: value for name, value in os.environ.items() if name not in removed}
    environ |= {"INSTANCE_PATH": str(tmp_path), "LOG_FORMAT": "json", "FLASK_RUN_FROM_CLI": from_cli}
    code = "import wsgi, logging; logging.critical('It fails.')"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environ, capture_output=True, text=True, check=True
    )
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [line["process"] for line in lines if line["message"] == "It fails."] == [process]
