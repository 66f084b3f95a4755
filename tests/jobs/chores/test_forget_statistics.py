"""The chore that deletes the statistics of hours that no chart shows."""

from datetime import datetime, timedelta

import pytest
import time_machine
from flask import Flask

from jobs.chores import forget_statistics as chore
from jobs.chores import turn
from jobs.chores.count_types import count_types
from jobs.chores.purge import purge_daily
from jobs.chores.summarize import summarize
from jobs.scheduler import make_cron
from tests.support.both_databases import database_url  # noqa: F401 (a fixture)
from tests.support.factories import make_webhook
from webhooks_ui.database import db
from webhooks_ui.models import BacklogSample, HourlyTotal, Stats, TypeTotal, utcnow
from webhooks_ui.webhooks.stats import RANGES

pytestmark = pytest.mark.usefixtures("app")


def fill(days: int) -> None:
    """Make statistics of two webhooks for each of the last days."""
    ids = [make_webhook(name=name).id for name in ("One", "Two")]
    for day in range(days):
        key = {"hour": utcnow() - timedelta(days=day), "succeeded": True, "duration_bucket_ms": 100, "count": 1}
        db.session.add(HourlyTotal(environment="production", **key))
        db.session.add_all(Stats(webhook_id=id, **key) for id in ids)
    db.session.commit()


def hours(model: type[Stats | HourlyTotal]) -> list[datetime]:
    db.session.rollback()
    return list(db.session.scalars(db.select(model.hour).order_by(model.hour)))


@pytest.mark.parametrize("batch", [1, 3, 1_000])
def test_only_what_no_range_shows_is_deleted(monkeypatch: pytest.MonkeyPatch, batch: int) -> None:
    monkeypatch.setattr(chore, "BATCH_ROWS", batch)
    fill(40)
    chore.forget_statistics()
    start = min(span.start(utcnow()) for span in RANGES.values())
    for model, rows in ((Stats, 62), (HourlyTotal, 31)):
        assert len(hours(model)) == rows
        assert sum(hour >= start for hour in hours(model)) == rows // 31 * 30


def test_a_run_ends_in_time_and_the_next_one_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chore, "BATCH_ROWS", 2)
    monkeypatch.setattr(turn, "TURN_SECONDS", 0)
    fill(33)
    chore.forget_statistics()
    assert len(hours(Stats)) == 2 * 33 - 2
    for _ in range(2):
        chore.forget_statistics()
    assert (len(hours(Stats)), len(hours(HourlyTotal))) == (2 * 31, 31)


def test_a_clock_that_is_years_ahead_for_a_moment_deletes_little() -> None:
    purge_daily()
    fill(31)
    key = {"hour": utcnow(), "environment": "production", "type": "license.activated", "events": 1, "deliveries": 1}
    db.session.add_all(
        [TypeTotal(**key), BacklogSample(at=utcnow(), environment="staging", waiting=1, oldest_due_seconds=0)]
    )
    db.session.commit()
    with time_machine.travel(utcnow() + timedelta(days=3_652)):
        for ahead in (purge_daily, chore.forget_statistics, summarize, count_types):
            ahead()
    assert (len(hours(Stats)), len(hours(HourlyTotal))) == (2 * 25, 25)
    assert db.session.scalar(db.select(db.func.count()).select_from(TypeTotal)) == 1
    assert db.session.scalar(db.select(BacklogSample.waiting).where(BacklogSample.at <= utcnow())) == 1


def test_it_is_done_every_minute(app: Flask) -> None:
    jobs = make_cron(app.extensions["redis"]).get_jobs()
    [job] = [job for job in jobs if job.func is chore.forget_statistics]
    assert job.interval == 60
