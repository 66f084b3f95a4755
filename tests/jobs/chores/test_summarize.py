"""The chore that keeps what the overview shows: totals of each hour, and samples of the backlog."""

from datetime import datetime, timedelta

import pytest
import time_machine
from flask import Flask

from jobs.chores.summarize import summarize
from tests.support.factories import make_delivery, make_webhook
from webhooks_ui.database import db
from webhooks_ui.deliveries.backlog import history
from webhooks_ui.models import BacklogSample, HourlyTotal, Stats, utcnow
from webhooks_ui.webhooks.stats import HOUR, RANGES, totals, worst

pytestmark = pytest.mark.usefixtures("app")


def hour(ago: int = 0) -> datetime:
    return utcnow().replace(minute=0, second=0, microsecond=0) - ago * HOUR


def attempts(webhook_id: int, count: int, *, succeeded: bool = True, ago: int = 0, bucket: int = 100) -> None:
    db.session.rollback()
    key = {"webhook_id": webhook_id, "hour": hour(ago), "succeeded": succeeded, "duration_bucket_ms": bucket}
    db.session.merge(Stats(**key, count=count))
    db.session.commit()


def count(environment: str = "") -> tuple[int, int]:
    """Return how many attempts of a day succeeded, and how many there were."""
    db.session.rollback()
    series = totals(environment, RANGES["24h"])
    return series.succeeded, series.total


def test_totals_are_the_sums_of_all_webhooks_of_an_environment() -> None:
    first, second, other = make_webhook().id, make_webhook().id, make_webhook(environment="staging").id
    attempts(first, 5)
    attempts(second, 7, ago=1)
    attempts(second, 2, succeeded=False)
    attempts(other, 100)
    summarize()
    assert count("production") == (12, 14)
    assert count() == (112, 114)


def test_a_total_may_be_larger_than_the_count_of_a_webhook() -> None:
    for _ in range(2):
        attempts(make_webhook().id, 2**31 - 1)
    summarize()
    assert count() == (2**32 - 2, 2**32 - 2)
    assert isinstance(totals("", RANGES["24h"]).total, int)


def test_what_comes_later_is_added_once() -> None:
    webhook = make_webhook().id
    attempts(webhook, 5)
    summarize()
    attempts(webhook, 8)
    attempts(webhook, 3, ago=1, succeeded=False)  # an attempt that began in the hour before
    for _ in range(2):
        summarize()
    assert count() == (8, 11)


def test_after_an_outage_the_hours_since_then_are_added_up() -> None:
    webhook = make_webhook().id
    with time_machine.travel(utcnow() - timedelta(hours=9)):
        attempts(webhook, 1)
        summarize()
    attempts(webhook, 10, ago=5)
    attempts(webhook, 100)
    summarize()
    assert count() == (111, 111)


def test_the_backlog_is_sampled_every_five_minutes(app: Flask) -> None:
    webhook = make_webhook()
    for _ in range(3):
        make_delivery(webhook, due_at=utcnow() - timedelta(seconds=30))
    summarize()
    summarize()
    db.session.rollback()
    samples = {row.environment: row for row in db.session.scalars(db.select(BacklogSample))}
    assert len(samples) == 3
    assert samples["production"].waiting == 3
    assert 30 <= samples["production"].oldest_due_seconds < 60
    assert samples["staging"].waiting == samples["staging"].oldest_due_seconds == 0
    with time_machine.travel(utcnow() + timedelta(minutes=6)):
        summarize()
    assert db.session.scalar(db.select(db.func.count()).select_from(BacklogSample)) == 6


def test_old_samples_go() -> None:
    with time_machine.travel(utcnow() - timedelta(days=40)):
        summarize()
    summarize()
    assert db.session.scalar(db.select(db.func.count()).select_from(BacklogSample)) == 3


def test_the_history_has_the_highest_sample_of_each_step() -> None:
    now = utcnow()
    for at, waiting in ((now, 4), (now - timedelta(seconds=1), 9), (now - timedelta(hours=3), 2)):
        for name in ("production", "staging"):
            db.session.add(BacklogSample(at=at, environment=name, waiting=waiting, oldest_due_seconds=waiting * 10))
    db.session.commit()
    waited, late = history("production", RANGES["24h"])
    assert waited[-1] == 9 or waited[-2] == 9  # the hour may have just begun
    assert next(value for value in waited if value is not None) == 2
    assert max(value for value in late if value is not None) == 90
    assert max(value for value in history("", RANGES["24h"])[0] if value is not None) == 18


def test_the_worst_webhooks_have_the_most_failures() -> None:
    good, bad, worse = make_webhook().id, make_webhook(environment="staging").id, make_webhook().id
    attempts(good, 100)
    attempts(bad, 3, succeeded=False)
    attempts(bad, 7)
    attempts(worse, 4, succeeded=False)
    attempts(worse, 9, succeeded=False, ago=2)
    assert worst("", RANGES["24h"], 5) == [(worse, 13, 13), (bad, 3, 10)]
    assert worst("", RANGES["24h"], 1) == [(worse, 13, 13)]
    assert worst("staging", RANGES["24h"], 5) == [(bad, 3, 10)]


def test_the_totals_have_no_row_for_an_hour_without_attempts() -> None:
    summarize()
    assert db.session.scalar(db.select(db.func.count()).select_from(HourlyTotal)) == 0
