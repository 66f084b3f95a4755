"""The log: lines of JSON in production, readable lines elsewhere, each with the ids of what it is about.

All lines go to standard error. ``docs/operations.md`` lists their fields.
"""

import json
import logging
import os
import re
import sys
import threading
from collections.abc import Iterable, Mapping, Sequence
from contextvars import ContextVar
from datetime import UTC, datetime
from time import monotonic
from types import TracebackType
from typing import Any

SAY_AGAIN_SECONDS = 60.0
OWN_HANDLERS = ("gunicorn.error",)  # libraries that would write lines of another form
NOISY = ("werkzeug", "alembic", "rq", "urllib3", "opentelemetry")  # libraries that tell little below a warning

# json.dumps would make an encoder for each line.
_encode_any = json.JSONEncoder(ensure_ascii=False, default=str, separators=(",", ":")).encode
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")  # what comes from others could move the cursor of a terminal (CWE-150)
_CONTROLS_BUT_LINE_ENDS = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")
_LEFT_BY_JSON = re.compile(r"[\x7f-\x9f]")
_of_process: dict[str, Any] = {}
_of_context: ContextVar[Mapping[str, Any]] = ContextVar("ids", default={})  # noqa: B039 (nobody changes the default)


def configure(settings: Mapping[str, Any], process: str) -> None:
    """Send the log lines of this process to standard error.

    Args:
        settings: ``LOG_LEVEL`` and ``LOG_FORMAT`` are used.
        process: what this process is, such as ``worker``. Every line has it.
    """
    _of_process.clear()
    _of_process["process"] = process
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines() if settings["LOG_FORMAT"] == "json" else TextLines())
    level = settings["LOG_LEVEL"].upper()
    root = logging.getLogger()
    root.handlers[:] = [handler]
    _set_level(root, logging.getLevelName(level))
    for name in NOISY:
        _set_level(logging.getLogger(name), max(logging.WARNING, logging.getLevelName(level)))
    for name in OWN_HANDLERS:
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    logging.captureWarnings(True)
    sys.excepthook = _log_uncaught
    threading.excepthook = _log_uncaught_in_thread


def _set_level(logger: logging.Logger, level: int) -> None:
    """Set the level unless it is set. ``setLevel`` touches all loggers, whose memory forked processes share."""
    if logger.level != level:
        logger.setLevel(level)


def name_process(**ids: Any) -> None:
    """Add ``ids`` to every line of this process."""
    _of_process.update(ids)


def bind(**ids: Any) -> None:
    """Add ``ids`` to every further line of this thread, until ``unbind``."""
    _of_context.set({**_of_context.get(), **ids})


def unbind() -> None:
    """Remove all ids that ``bind`` has added."""
    _of_context.set({})


def ids(**ids: Any) -> dict[str, Any]:
    """Return the argument ``extra`` for a line about ``ids``. An id that is ``None`` is left out."""
    return {"ids": {name: value for name, value in ids.items() if value is not None}}


def each(about: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the argument ``extra`` for an entry about many things of a kind, which becomes a line for each of them.

    It costs a fraction of what an entry for each of them costs.

    Args:
        about: the ids of each thing. One that is ``None`` is left out.
    """
    return {"each": [ids(**one)["ids"] for one in about]}


class JsonLines(logging.Formatter):
    """One JSON object on one line for each entry, or for each thing that an entry is about (see ``each``)."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "pid": os.getpid(),
            **_shared_ids(record),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        begin = _encode(line)[:-1]
        return "\n".join(f"{begin},{_encode(own)[1:]}" if own else f"{begin}}}" for own in _own_ids(record))


class TextLines(logging.Formatter):
    """A line for people: time, level, logger, message, and the ids in brackets. A traceback follows it.

    Control characters are written as ``\\x1b``.
    """

    def format(self, record: logging.LogRecord) -> str:
        message = " ".join(record.getMessage().split("\n"))
        begin, shared = f"{_time(record)} {record.levelname:7} {record.name}: {message}", _shared_ids(record)
        lines = [
            _CONTROLS.sub(
                _escape, f"{begin} [{' '.join(f'{name}={value}' for name, value in {**shared, **own}.items())}]"
            )
            for own in _own_ids(record)
        ]
        if record.exc_info:
            lines.append(_CONTROLS_BUT_LINE_ENDS.sub(_escape, self.formatException(record.exc_info)))
        return "\n".join(lines)


class Seldom:
    """Tells of a trouble that goes on, at most once a minute, and once when it is over.

    Without this, each failed attempt of each thread would write a line.
    """

    def __init__(self, logger: logging.Logger, level: int = logging.WARNING) -> None:
        self._logger = logger
        self._level = level
        self._said_at = -SAY_AGAIN_SECONDS
        self._lasts = False

    def say(self, message: str, *arguments: object) -> None:
        """Log ``message``, unless something was said within the last minute."""
        self._lasts = True
        if monotonic() - self._said_at >= SAY_AGAIN_SECONDS:
            self._said_at = monotonic()
            self._logger.log(self._level, message, *arguments)

    def over(self, message: str) -> None:
        """Log ``message`` if there was a trouble since the last call."""
        if self._lasts:
            self._lasts = False
            self._said_at = -SAY_AGAIN_SECONDS
            self._logger.log(self._level, message)


def _encode(line: Mapping[str, Any]) -> str:
    return _LEFT_BY_JSON.sub(lambda found: f"\\u{ord(found[0]):04x}", _encode_any(line))


def _escape(found: re.Match[str]) -> str:
    return f"\\x{ord(found[0]):02x}"


def _shared_ids(record: logging.LogRecord) -> dict[str, Any]:
    """Return the ids that all lines of the entry have."""
    return {**_of_process, **_of_context.get(), **getattr(record, "ids", {})}


def _own_ids(record: logging.LogRecord) -> Sequence[Mapping[str, Any]]:
    """Return for each line of the entry the ids that it alone has."""
    lines: Sequence[Mapping[str, Any]] = getattr(record, "each", ({},))
    return lines


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _log_uncaught(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, traceback)
        return
    logging.getLogger("webhooks_ui").critical("The process ends: %s", error, exc_info=(kind, error, traceback))


def _log_uncaught_in_thread(failed: threading.ExceptHookArgs) -> None:
    if failed.exc_value is None or failed.exc_type is SystemExit:
        return
    name = failed.thread.name if failed.thread else "?"
    trace = failed.exc_type, failed.exc_value, failed.exc_traceback
    logging.getLogger("webhooks_ui").error("The thread %s ends: %s", name, failed.exc_value, exc_info=trace)
