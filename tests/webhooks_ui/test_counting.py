"""Counts are kept in memory, added to the database, and never lost in between."""

import threading

import pytest
from flask import Flask
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from webhooks_ui import counting
from webhooks_ui.database import db
from webhooks_ui.models.counter import LABELS_MAX_CHARACTERS, NAME_MAX_CHARACTERS

PUBLISHED = "webhooks_events_published", '["production"]'


def stored() -> dict[counting.Key, float]:
    with db.engine.connect() as connection:
        return counting.stored(connection)


def test_counts_of_many_flushes_add_up(app: Flask) -> None:
    for _ in range(3):
        counting.of(app).add({PUBLISHED: 2.0})
        counting.flush(app)
    counting.flush(app)
    assert stored() == {PUBLISHED: 6}


@pytest.mark.parametrize(("seconds", "end"), [(0.004, "0.005"), (0.005, "0.005"), (0.0051, "0.01"), (99.0, "+Inf")])
def test_a_duration_falls_into_its_bucket(app: Flask, seconds: float, end: str) -> None:
    counting.of(app).add(dict(counting.observation("webhooks_attempt_duration_seconds", ("staging",), seconds)))
    counting.flush(app)
    assert stored() == {
        ("webhooks_attempt_duration_seconds_bucket", f'["staging","{end}"]'): 1,
        ("webhooks_attempt_duration_seconds_sum", '["staging"]'): seconds,
    }


def test_counts_that_cannot_be_stored_are_kept(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(connection: Connection, counts: object) -> None:
        raise OperationalError("INSERT", None, Exception("full"))

    counting.of(app).add({PUBLISHED: 1.0})
    with monkeypatch.context() as patch:
        patch.setattr(counting, "store", fail)
        with pytest.raises(OperationalError):
            counting.flush(app)
    counting.of(app).add({PUBLISHED: 1.0})
    counting.flush(app)
    assert stored() == {PUBLISHED: 2}


def test_threads_lose_no_count(app: Flask) -> None:
    def many() -> None:
        for _ in range(500):
            counting.of(app).add({PUBLISHED: 1.0})

    threads = [threading.Thread(target=many) for _ in range(4)]
    for thread in threads:
        thread.start()
    counting.flush(app)
    for thread in threads:
        thread.join()
    counting.flush(app)
    assert stored() == {PUBLISHED: 2_000}


def test_names_and_labels_fit_into_their_columns() -> None:
    for name, metric in counting.METRICS.items():
        assert len(f"{name}_bucket") <= NAME_MAX_CHARACTERS
        assert len(counting.key_of(("x" * 64,) * len(metric.labels))) <= LABELS_MAX_CHARACTERS
