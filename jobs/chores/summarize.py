"""Summarize: keep what the overview shows. Each page would otherwise add up the statistics of all webhooks."""

from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, func, insert, select

from jobs.chores.trusted_time import trusted_time
from webhooks_ui.database import db, release, write_transaction
from webhooks_ui.deliveries.backlog import oldest_due_seconds, waiting
from webhooks_ui.models import BacklogSample, Environment, HourlyTotal, Stats, Webhook, utcnow
from webhooks_ui.webhooks.stats import HOUR, KEPT

SUMMARIZE_SECONDS = 60  # between the runs
SAMPLE_EVERY = timedelta(minutes=5)
HOURS_MAX = 48  # that one run adds up, after an outage


def summarize() -> None:
    """Add up the last hours, and take a sample of the backlog if it is time for one."""
    now = utcnow()
    since = _since(now)
    rows = _totals(since)
    samples = _samples(now)
    forgotten = trusted_time() - KEPT
    release()  # everything was read without a lock
    with write_transaction() as connection:
        _replace(connection, since, rows)
        connection.execute(delete(BacklogSample).where(BacklogSample.at < forgotten))
        if samples:
            connection.execute(insert(BacklogSample), samples)


def _since(now: datetime) -> datetime:
    """Return the first hour to add up again: the one before the last that is known, because attempts end late."""
    this_hour = now.replace(minute=0, second=0, microsecond=0)
    known = db.session.scalar(select(func.max(HourlyTotal.hour)))
    known = min(known, this_hour) if known else this_hour - HOURS_MAX * HOUR
    return max(known, this_hour - HOURS_MAX * HOUR) - HOUR


def _totals(since: datetime) -> list[dict[str, object]]:
    keys = Stats.hour, Webhook.environment, Stats.succeeded, Stats.duration_bucket_ms
    query = select(*keys, func.sum(Stats.count).label("count")).join(Webhook, Webhook.id == Stats.webhook_id)
    return [dict(row._mapping) for row in db.session.execute(query.where(Stats.hour >= since).group_by(*keys))]


def _samples(now: datetime) -> list[dict[str, object]]:
    last = db.session.scalar(select(func.max(BacklogSample.at)).where(BacklogSample.at <= now))
    if last and now - SAMPLE_EVERY < last:
        return []
    connection = db.session.connection()
    counts = waiting(connection)
    return [
        {
            "at": now,
            "environment": name,
            "waiting": counts[name],
            "oldest_due_seconds": round(oldest_due_seconds(connection, now, name)),
        }
        for name in Environment
    ]


def _replace(connection: Connection, since: datetime, rows: list[dict[str, object]]) -> None:
    connection.execute(delete(HourlyTotal).where(HourlyTotal.hour >= since))
    if rows:
        connection.execute(insert(HourlyTotal), rows)
