"""The metrics for Prometheus, read from the database and from RQ at each scrape.

An index answers every query, so that a scrape stays fast with millions of deliveries.
"""

from collections.abc import Iterator
from datetime import timedelta

from flask import current_app
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from redis import RedisError
from rq import Queue, Worker
from sqlalchemy import Connection, case, func, select

from webhooks_ui.database import db
from webhooks_ui.models import Delivery, DeliveryStatus, Event, Stats, Webhook, utcnow
from webhooks_ui.models.delivery import IN_ORDER, PENDING, UNSETTLED
from webhooks_ui.models.webhook import IS_SENDABLE, holds_back
from webhooks_ui.wake import QUEUE

RECENT = timedelta(hours=1)


class Metrics(Collector):
    """Collects all metrics. Those of Redis are missing while it is down."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        with db.engine.connect() as connection:
            yield _gauge("webhooks_events_stored", "The number of the newest event.", _newest(connection, Event))
            yield _gauge(
                "webhooks_deliveries_stored", "The number of the newest delivery.", _newest(connection, Delivery)
            )
            yield _unsettled(connection)
            yield _gauge(
                "webhooks_oldest_due_seconds",
                "How long the oldest due delivery of an active, working webhook has waited.",
                _oldest_due_seconds(connection),
            )
            yield _recent_attempts(connection)
        yield from _from_redis()


def _newest(connection: Connection, model: type[Event] | type[Delivery]) -> int:
    return connection.execute(select(func.max(model.id))).scalar() or 0


def _unsettled(connection: Connection) -> GaugeMetricFamily:
    query = select(Delivery.status, func.count()).where(UNSETTLED).group_by(Delivery.status)
    counts = dict.fromkeys(map(str, DeliveryStatus), 0) | dict(connection.execute(query).all())
    del counts[DeliveryStatus.DELIVERED]  # counting millions of rows would take too long
    family = GaugeMetricFamily(
        "webhooks_deliveries_unsettled", "Deliveries in the log that are not delivered.", labels=["status"]
    )
    for status, count in counts.items():
        family.add_metric([status], count)
    return family


def _oldest_due_seconds(connection: Connection) -> float:
    """Return how long the oldest delivery waits that no webhook's state, pace or order holds back."""
    pending = select(func.min(Delivery.due_at)).where(Delivery.webhook_id == Webhook.id, PENDING)
    next_in_order = select(Delivery.due_at).where(Delivery.webhook_id == Webhook.id, IN_ORDER).order_by(Delivery.id)
    first_due = case((Webhook.in_order, next_in_order.limit(1).scalar_subquery()), else_=pending.scalar_subquery())
    query = select(first_due.label("due_at")).where(IS_SENDABLE, ~holds_back(utcnow()))
    due_at = connection.execute(select(func.min(query.subquery().c.due_at))).scalar()
    return max(0.0, (utcnow() - due_at).total_seconds()) if due_at else 0.0


def _recent_attempts(connection: Connection) -> GaugeMetricFamily:
    hour = utcnow().replace(minute=0, second=0, microsecond=0) - RECENT
    query = (
        select(Stats.succeeded, func.sum(Stats.count))
        .join_from(Webhook, Stats, Stats.webhook_id == Webhook.id)
        .where(Stats.hour >= hour)
        .group_by(Stats.succeeded)
    )
    counts = {False: 0, True: 0} | dict(connection.execute(query).all())
    family = GaugeMetricFamily(
        "webhooks_attempts_recent", "Attempts of the present and the last hour.", labels=["result"]
    )
    for succeeded, count in counts.items():
        family.add_metric(["succeeded" if succeeded else "failed"], count)
    return family


def _from_redis() -> Iterator[GaugeMetricFamily]:
    redis = current_app.extensions["redis"]
    try:
        jobs = Queue(QUEUE, connection=redis)
        waiting, workers = jobs.count, Worker.count(queue=jobs)
    except RedisError:
        yield _gauge("webhooks_redis_up", "1 if Redis responds, else 0.", 0)
        return
    yield _gauge("webhooks_redis_up", "1 if Redis responds, else 0.", 1)
    yield _gauge("webhooks_queue_jobs", "Jobs that wait for a worker.", waiting)
    yield _gauge("webhooks_workers", "Workers that are alive.", workers)


def _gauge(name: str, description: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, description, value=value)
