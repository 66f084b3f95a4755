"""Counts what happens, for the metrics. A process counts in memory, and adds its counts to the database now and then.

The database is the place, because its counts survive a process, add up over many, and never go back. Redis may be
flushed or may lose its last minutes, which Prometheus would take for a restart. Files of ``prometheus_client`` are of
one machine, while workers of others have no address to be asked at. ``webhooks_ui/pulse`` adds the counts.
"""

import json
import threading
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import NamedTuple

from flask import Flask
from sqlalchemy import Connection, select

from webhooks_ui.database import write_transaction
from webhooks_ui.database.statements import add_many
from webhooks_ui.models import Counter

INFINITE = "+Inf"
ENDPOINT_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
DELIVERY_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0, 300.0, 1_800.0, 7_200.0, 86_400.0)
REQUEST_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class Counted(NamedTuple):
    """A metric that is counted. Its name has no suffix such as ``_total`` or ``_bucket``."""

    help: str
    labels: tuple[str, ...]
    buckets: tuple[float, ...] = ()  # the upper ends in seconds, inclusive. Empty: a plain counter


METRICS: dict[str, Counted] = {
    "webhooks_events_published": Counted("Events that were accepted.", ("environment",)),
    "webhooks_deliveries_created": Counted("Deliveries of events that were accepted.", ("environment",)),
    "webhooks_attempts": Counted("Attempts by what became of them.", ("environment", "outcome")),
    "webhooks_attempts_throttled": Counted("Attempts that were answered with a wish to slow down.", ("environment",)),
    "webhooks_deliveries_settled": Counted("Deliveries that became final.", ("environment", "result")),
    "webhooks_attempt_duration_seconds": Counted(
        "How long endpoints took, from the look-up of the name to the end of the answer.",
        ("environment",),
        ENDPOINT_SECONDS,
    ),
    "webhooks_delivery_duration_seconds": Counted(
        "How long it took from the acceptance of an event until a webhook had it, retries included.",
        ("environment",),
        DELIVERY_SECONDS,
    ),
    "webhooks_write_checks": Counted("Times that a check wrote to the database, to see that it can.", ()),
    "webhooks_http_requests": Counted("Requests to this service.", ("method", "route", "status")),
    "webhooks_http_request_duration_seconds": Counted(
        "How long requests to this service took.", ("route",), REQUEST_SECONDS
    ),
}

Key = tuple[str, str]  # the name of a row of ``counters``, and its labels as a JSON array


class Counters:
    """The counts of one process that are not yet in the database."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[Key, float] = {}

    def add(self, counts: Mapping[Key, float]) -> None:
        """Add ``counts``."""
        with self._lock:
            for key, amount in counts.items():
                self._counts[key] = self._counts.get(key, 0.0) + amount

    def take(self) -> dict[Key, float]:
        """Return all counts, and begin again with none."""
        with self._lock:
            taken, self._counts = self._counts, {}
            return taken


def observation(name: str, labels: tuple[str, ...], seconds: float) -> tuple[tuple[Key, float], tuple[Key, float]]:
    """Return what one duration adds to a histogram: one to the count of its bucket, and its seconds to the sum.

    Args:
        labels: values in the order of the labels in ``METRICS``.
    """
    place = bisect_left(METRICS[name].buckets, seconds)
    return (_bucket(name, labels, place), 1.0), (_sum(name, labels), seconds)


# Kept in memory, because each attempt and each request needs them.
@lru_cache(maxsize=4_096)
def _bucket(name: str, labels: tuple[str, ...], place: int) -> Key:
    buckets = METRICS[name].buckets
    end = repr(buckets[place]) if place < len(buckets) else INFINITE
    return f"{name}_bucket", key_of((*labels, end))


@lru_cache(maxsize=1_024)
def _sum(name: str, labels: tuple[str, ...]) -> Key:
    return f"{name}_sum", key_of(labels)


@lru_cache(maxsize=1_024)
def key_of(labels: tuple[str, ...]) -> str:
    """Return the values of a metric's labels, in their order in ``METRICS``, as they are stored."""
    return json.dumps(labels, separators=(",", ":"))


def of(app: Flask) -> Counters:
    """Return the counts of this process."""
    counters: Counters = app.extensions["counters"]
    return counters


@contextmanager
def taken(app: Flask) -> Iterator[dict[Key, float]]:
    """Yield the counts of this process, which the block stores. If it fails, they are kept for the next time."""
    counts = of(app).take()
    try:
        yield counts
    except BaseException:
        of(app).add(counts)
        raise


def flush(app: Flask) -> None:
    """Store the counts of this process now."""
    with taken(app) as counts:
        if counts:
            with write_transaction() as connection:
                store(connection, counts)


def store(connection: Connection, counts: Mapping[Key, float]) -> None:
    """Add ``counts`` to the database, in the order of the rows, so that no two processes wait for each other."""
    if counts:
        rows = [(*key, amount) for key, amount in sorted(counts.items())]
        add_many(connection, Counter.__table__, ("name", "labels", "value"), rows)


def stored(connection: Connection) -> dict[Key, float]:
    """Return what all processes have counted."""
    rows = connection.execute(select(Counter.name, Counter.labels, Counter.value))
    return {(name, labels): value for name, labels, value in rows}
