"""The metrics for Prometheus, read from the database and from RQ at each scrape.

Counts come from ``webhooks_ui/counting``. All else is asked for, and an index answers every query, so that a scrape
stays fast with millions of deliveries. All web servers of one database give the same numbers.
"""

import itertools
import json
import logging
import shutil
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping

from flask import current_app
from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector
from redis import RedisError
from rq import Queue
from sqlalchemy import Connection, case, func, select
from sqlalchemy.exc import SQLAlchemyError

from webhooks_ui import __version__, counting, logs
from webhooks_ui.checks import Level, Trouble
from webhooks_ui.database import db, dialect, reason
from webhooks_ui.deliveries.backlog import oldest_due_seconds
from webhooks_ui.deliveries.outcomes import Outcome
from webhooks_ui.models import Delivery, DeliveryStatus, Environment, Event, Process, ProcessKind, Webhook, utcnow
from webhooks_ui.models.delivery import PENDING, UNSETTLED
from webhooks_ui.models.process import is_alive
from webhooks_ui.models.webhook import ReportedStatus, reported_status_of
from webhooks_ui.models.webhook_state import IS_LIVE
from webhooks_ui.wake import CHORES, QUEUE

LABELS = {
    "environment": [str(environment) for environment in Environment],
    "outcome": [str(outcome) for outcome in Outcome],
    "result": [str(DeliveryStatus.DELIVERED), str(DeliveryStatus.FAILED)],
}

_trouble = logs.Seldom(logging.getLogger(__name__))


class Metrics(Collector):
    """Collects all metrics. Those of the database or of Redis are missing while it is down.

    Args:
        checks: what the checks of ``/readyz`` found.
    """

    def __init__(self, checks: Mapping[str, Trouble | None]) -> None:
        self._checks = checks

    def collect(self) -> Iterator[Metric]:
        yield _build()
        yield from self._readiness()
        unusable = any(self._checks.get(name) for name in ("database", "writing"))  # asking it could hang
        yield from [_database_up(False)] if unusable else _from_database()
        yield from _from_disk()
        yield from _from_redis()

    def _readiness(self) -> Iterator[Metric]:
        failed = [name for name, trouble in self._checks.items() if trouble and trouble.level is Level.FAILED]
        yield _gauge("webhooks_ready", "1 if /readyz answers 200, else 0.", not failed)
        family = GaugeMetricFamily(
            "webhooks_check_ok",
            "1 if a check of /readyz finds nothing. A check that can't be made is missing.",
            labels=["check"],
        )
        for name, trouble in self._checks.items():
            family.add_metric([name], trouble is None)
        yield family


def _build() -> Metric:
    family = GaugeMetricFamily("webhooks_build_info", "Always 1. The label is the version.", labels=["version"])
    family.add_metric([__version__], 1)
    return family


def _from_database() -> Iterator[Metric]:
    up = True
    families: list[Metric] = []
    try:
        with db.engine.connect() as connection:
            families += _counted(counting.stored(connection))
            families += _stored(connection)
            families += _webhooks(connection)
            families += _processes(connection)
    except SQLAlchemyError as error:
        _trouble.say("The metrics of the database are missing: %s", reason(error))
        up = False
    yield _database_up(up)
    yield from families


def _database_up(up: bool) -> Metric:
    return _gauge("webhooks_database_up", "1 if the database can be used, else 0.", up)


def _counted(counts: Mapping[counting.Key, float]) -> Iterator[Metric]:
    """Yield the counters and histograms. Those whose labels are known beforehand begin at 0."""
    values: dict[str, dict[tuple[str, ...], float]] = defaultdict(dict)
    for (name, labels), value in counts.items():
        values[name][tuple(json.loads(labels))] = value
    for name, metric in counting.METRICS.items():
        if metric.buckets:
            yield _histogram(name, metric, values[f"{name}_bucket"], values[f"{name}_sum"])
            continue
        family = CounterMetricFamily(name, metric.help, labels=metric.labels)
        for known, value in (dict.fromkeys(_expected(metric), 0.0) | values[name]).items():
            family.add_metric(known, value)
        yield family


def _expected(metric: counting.Counted) -> list[tuple[str, ...]]:
    """Return the labels that are known before anything was counted. A metric with other labels has none."""
    if not set(metric.labels) <= LABELS.keys():
        return []
    return list(itertools.product(*(LABELS[name] for name in metric.labels)))


def _histogram(
    name: str,
    metric: counting.Counted,
    counts: Mapping[tuple[str, ...], float],
    sums: Mapping[tuple[str, ...], float],
) -> Metric:
    """Return the histogram. The database has the count of each bucket alone, and Prometheus wants them cumulated."""
    family = HistogramMetricFamily(name, metric.help, labels=metric.labels)
    ends = [*map(repr, metric.buckets), counting.INFINITE]
    for labels in sorted({*_expected(metric), *sums}):
        total, cumulated = 0.0, []
        for end in ends:
            total += counts.get((*labels, end), 0.0)
            cumulated.append((end, total))
        family.add_metric(labels, cumulated, sums.get(labels, 0.0))
    return family


def _stored(connection: Connection) -> Iterator[Metric]:
    now = utcnow()
    yield _gauge("webhooks_events_stored", "The number of the newest event.", _newest(connection, Event))
    yield _gauge("webhooks_deliveries_stored", "The number of the newest delivery.", _newest(connection, Delivery))
    yield _unsettled(connection)
    due = select(func.count()).where(PENDING, Delivery.due_at <= now)
    yield _gauge(
        "webhooks_deliveries_due",
        "Deliveries that are due, also those of webhooks that are off, failing or held back.",
        connection.execute(due).scalar_one(),
    )
    yield _gauge(
        "webhooks_oldest_due_seconds",
        "How long the oldest due delivery of an active, working webhook has waited.",
        oldest_due_seconds(connection, now),
    )


def _newest(connection: Connection, model: type[Event] | type[Delivery]) -> int:
    return connection.execute(select(func.max(model.id))).scalar() or 0


def _unsettled(connection: Connection) -> Metric:
    query = select(Delivery.status, func.count()).where(UNSETTLED).group_by(Delivery.status)
    counts = dict.fromkeys(map(str, DeliveryStatus), 0) | dict(connection.execute(query).all())
    del counts[DeliveryStatus.DELIVERED]  # counting millions of rows would take too long
    family = GaugeMetricFamily(
        "webhooks_deliveries_unsettled", "Deliveries in the log that are not delivered.", labels=["status"]
    )
    for status, count in counts.items():
        family.add_metric([status], count)
    return family


def _webhooks(connection: Connection) -> Iterator[Metric]:
    """Yield how many webhooks have each status, and how many are asked to slow down."""
    state = (
        Webhook.environment,
        Webhook.active,
        Webhook.breaker_opened_at.is_not(None).label("is_failing"),
        Webhook.disabled_at.is_not(None).label("is_disabled"),
    )
    throttled = func.sum(case((Webhook.throttled_until > utcnow(), 1), else_=0))
    rows = connection.execute(select(*state, func.count(), throttled).where(IS_LIVE).group_by(*state)).all()
    counts = Counter({(str(environment), str(status)): 0 for environment in Environment for status in ReportedStatus})
    waiting = Counter({str(environment): 0 for environment in Environment})
    for environment, active, is_failing, is_disabled, count, slowed in rows:
        counts[environment, str(reported_status_of(active, is_failing or None, is_disabled or None))] += count
        waiting[environment] += slowed
    family = GaugeMetricFamily(
        "webhooks_webhooks",
        "Webhooks by status. The breaker of a failing one is open.",
        labels=["environment", "status"],
    )
    for labels, count in counts.items():
        family.add_metric(labels, count)
    yield family
    slowed_down = GaugeMetricFamily(
        "webhooks_webhooks_throttled", "Webhooks whose endpoints asked to wait.", labels=["environment"]
    )
    for environment, count in waiting.items():
        slowed_down.add_metric([environment], count)
    yield slowed_down


def _processes(connection: Connection) -> Iterator[Metric]:
    """Yield how many processes are alive, how many are silent, and how many requests are in flight."""
    now = utcnow()
    rows = connection.execute(select(Process.kind, is_alive(now), Process.in_flight)).all()
    processes = GaugeMetricFamily(
        "webhooks_processes",
        "Processes that send heartbeats, and those that have stopped to.",
        labels=["kind", "state"],
    )
    for kind in ProcessKind:
        beats = [bool(alive) for found, alive, _ in rows if found == kind]
        processes.add_metric([kind, "alive"], beats.count(True))
        processes.add_metric([kind, "silent"], beats.count(False))
    yield processes
    in_flight = sum(count for _, alive, count in rows if alive)
    yield _gauge("webhooks_requests_in_flight", "Requests that wait for their endpoints.", in_flight)


def _from_disk() -> Iterator[Metric]:
    """Yield the sizes of an embedded database. A server of its own has its own metrics."""
    file = dialect(db.engine).data_file(db.engine)
    if not file or not file.exists():
        return
    yield _gauge("webhooks_sqlite_bytes", "The size of SQLite's file.", file.stat().st_size)
    log = dialect(db.engine).log_bytes(db.engine) or 0
    yield _gauge("webhooks_sqlite_wal_bytes", "The size of SQLite's write-ahead log.", log)
    free = shutil.disk_usage(file.parent).free
    yield _gauge("webhooks_disk_free_bytes", "What is left on the disk of SQLite's file.", free)


def _from_redis() -> Iterator[Metric]:
    redis = current_app.extensions["redis"]
    try:
        waiting = {queue: Queue(queue, connection=redis).count for queue in (QUEUE, CHORES)}
    except RedisError:
        yield _gauge("webhooks_redis_up", "1 if Redis responds, else 0.", 0)
        return
    yield _gauge("webhooks_redis_up", "1 if Redis responds, else 0.", 1)
    family = GaugeMetricFamily("webhooks_queue_jobs", "Jobs that wait for a worker.", labels=["queue"])
    for queue, count in waiting.items():
        family.add_metric([queue], count)
    yield family


def _gauge(name: str, description: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, description, value=value)
