"""Checks of a deployment. ``ready`` has those of ``/readyz``, and ``setup`` those that only ``flask doctor`` does.

A check is a function that returns the trouble it has found, or ``None``. It never waits long by itself, but a hanging
database or disk may hold it. So checks run in a thread, and whoever asks gets an answer in time.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from flask import Flask
from redis import RedisError
from sqlalchemy.exc import SQLAlchemyError

from webhooks_ui import logs
from webhooks_ui.database import driver_words, outage

PATIENCE_SECONDS = 5.0  # of a round. After that, a check that goes on counts as failed
FRESH_SECONDS = 1.0  # for this long, results are given to others who ask
GIVE_UP_SECONDS = 30.0  # then a new round begins, although the old one still hangs

logger = logging.getLogger(__name__)


class Part(StrEnum):
    """What doesn't work if a check fails."""

    PUBLISHING = "publishing"
    DELIVERING = "delivering"


class Level(StrEnum):
    DEGRADED = "degraded"
    FAILED = "failed"


class Trouble(NamedTuple):
    """What a check has found."""

    level: Level
    sentence: str
    advice: str = ""  # what to do about it. It is for operators, and may name files and hosts


@dataclass(frozen=True)
class Check:
    """A check and its place among the others.

    Args:
        name: a word or two, as in ``/readyz`` and in the metrics.
        look: returns the trouble, or ``None``.
        parts: what doesn't work while the check fails.
        needs: the names of checks without which this one says nothing. It is left out while one of them fails.
    """

    name: str
    look: Callable[[], Trouble | None]
    parts: frozenset[Part] = frozenset(Part)
    needs: tuple[str, ...] = ()


@dataclass
class Round:
    """One run of all checks."""

    began_at: float = field(default_factory=time.monotonic)
    ended_at: float | None = None
    done: threading.Event = field(default_factory=threading.Event)
    results: dict[str, Trouble | None] = field(default_factory=dict)  # of the checks so far, without those left out
    current: Check | None = None

    def snapshot(self) -> dict[str, Trouble | None]:
        """Return the results so far. A check that goes on for too long has failed."""
        results, current = dict(self.results), self.current
        if not self.done.is_set() and current:
            results[current.name] = _hangs(current, time.monotonic() - self.began_at)
        return results


class Watch:
    """Runs the checks when somebody asks: at most once a second, and one round at a time."""

    def __init__(self, app: Flask, checks: Sequence[Check]) -> None:
        self.checks = checks
        self._app = app
        self._lock = threading.Lock()
        self._round: Round | None = None
        self._said: tuple[str, ...] = ()

    def look(self) -> dict[str, Trouble | None]:
        """Return the result of each check by its name, after at most ``PATIENCE_SECONDS``.

        Checks that are left out, because another one has a trouble, are not among them.
        """
        with self._lock:
            current = self._round
            if current is None or self._is_over(current):
                current = self._round = Round()
                threading.Thread(target=self._run, args=(current,), name="checks", daemon=True).start()
        current.done.wait(max(0.0, current.began_at + PATIENCE_SECONDS - time.monotonic()))
        results = current.snapshot()
        self._tell(results)
        return results

    def _is_over(self, round: Round) -> bool:
        now = time.monotonic()
        if round.ended_at is not None:
            return now - round.ended_at > FRESH_SECONDS
        return now - round.began_at > GIVE_UP_SECONDS

    def _run(self, round: Round) -> None:
        with self._app.app_context():
            for check in self.checks:
                if not is_left_out(check, round.results):
                    round.current = check
                    round.results[check.name] = run(check)
        round.ended_at = time.monotonic()
        round.done.set()

    def _tell(self, results: dict[str, Trouble | None]) -> None:
        """Log the troubles when they change."""
        failed = [trouble for trouble in results.values() if trouble and trouble.level is Level.FAILED]
        said = tuple(dict.fromkeys(trouble.sentence for trouble in failed))
        with self._lock:
            before, self._said = self._said, said
        if said and not before:
            logger.error("Not ready: %s", " ".join(said), extra=logs.ids(checks=_failed(results)))
        elif before and not said:
            logger.warning("Ready again.")


def run_patiently(app: Flask, check: Check, seconds: float = PATIENCE_SECONDS) -> Trouble | None:
    """Do what ``run`` does, but don't wait longer than so many seconds."""
    found: list[Trouble | None] = []

    def look() -> None:
        with app.app_context():
            found.append(run(check))

    thread = threading.Thread(target=look, name=check.name, daemon=True)
    thread.start()
    thread.join(seconds)
    return found[0] if found else _hangs(check, seconds)


def is_left_out(check: Check, results: Mapping[str, Trouble | None]) -> bool:
    """Return True if a check that ``check`` needs has failed, or was left out itself."""
    if not results.keys() >= set(check.needs):
        return True
    return any(found and found.level is Level.FAILED for found in map(results.get, check.needs))


def run(check: Check) -> Trouble | None:
    """Return what ``check`` finds. An error of its own is a trouble, too."""
    try:
        return check.look()
    except SQLAlchemyError as error:
        return Trouble(Level.FAILED, outage(error) or "The database can't be used.", driver_words(error))
    except RedisError as error:
        return Trouble(Level.DEGRADED, "Redis doesn't answer.", str(error))
    except OSError as error:
        return Trouble(Level.FAILED, f"The check of {check.name} failed.", str(error))


def _hangs(check: Check, seconds: float) -> Trouble:
    sentence = f"The check of the {check.name} has not ended after {seconds:.0f} seconds."
    return Trouble(Level.FAILED, sentence, "What it asks doesn't answer, so it probably hangs.")


def _failed(results: dict[str, Trouble | None]) -> list[str]:
    return [name for name, trouble in results.items() if trouble and trouble.level is Level.FAILED]
