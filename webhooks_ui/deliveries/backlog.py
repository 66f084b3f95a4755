"""The backlog: what is due and should have gone out, for metrics, checks and pages. An index answers each query."""

from collections import Counter
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, case, func, select

from webhooks_ui.database import db
from webhooks_ui.models import BacklogSample, Delivery, Webhook, utcnow
from webhooks_ui.models.delivery import IN_ORDER, PENDING
from webhooks_ui.models.webhook_state import IS_SENDABLE, holds_back
from webhooks_ui.webhooks.stats import Range


def oldest_due_seconds(connection: Connection, now: datetime, environment: str = "") -> float:
    """Return how long the oldest delivery waits that no webhook's state, pace or order holds back.

    Args:
        environment: of the webhooks. Empty: all.
    """
    due_at = _first_due(connection, now, environment)
    return max(0.0, (now - due_at).total_seconds()) if due_at else 0.0


def next_due_at(connection: Connection, now: datetime, environment: str = "") -> datetime | None:
    """Return when the next delivery is due that no webhook's state, pace or order holds back, or ``None``.

    Those under way don't count: their ``due_at`` is the end of a lease.

    Args:
        environment: of the webhooks. Empty: all.
    """
    return _first_due(connection, now, environment, Delivery.lease_token.is_(None))


def _first_due(
    connection: Connection, now: datetime, environment: str, *conditions: ColumnElement[bool]
) -> datetime | None:
    of_webhook = Delivery.webhook_id == Webhook.id, *conditions
    pending = select(func.min(Delivery.due_at)).where(*of_webhook, PENDING)
    next_in_order = select(Delivery.due_at).where(*of_webhook, IN_ORDER).order_by(Delivery.id)
    first_due = case((Webhook.in_order, next_in_order.limit(1).scalar_subquery()), else_=pending.scalar_subquery())
    query = select(first_due.label("due_at")).where(IS_SENDABLE, ~holds_back(now))
    if environment:
        query = query.where(Webhook.environment == environment)
    due_at: datetime | None = connection.execute(select(func.min(query.subquery().c.due_at))).scalar()
    return due_at


def waiting(connection: Connection) -> Counter[str]:
    """Return how many deliveries of each environment are pending, for whatever reason."""
    counts = select(Delivery.webhook_id, func.count().label("count")).where(PENDING).group_by(Delivery.webhook_id)
    found = counts.subquery()
    query = select(Webhook.environment, func.sum(found.c.count)).join(found, found.c.webhook_id == Webhook.id)
    return Counter(dict(connection.execute(query.group_by(Webhook.environment)).all()))


def history(environment: str, span: Range) -> tuple[list[int | None], list[int | None]]:
    """Return the most deliveries that waited in each step of ``span``, and the most seconds that the oldest was due.

    A step without a sample has ``None``.

    Args:
        environment: Empty: all.
    """
    start = span.start(utcnow())
    counted = func.sum(BacklogSample.waiting), func.max(BacklogSample.oldest_due_seconds)
    query = select(BacklogSample.at, *counted).where(BacklogSample.at >= start).group_by(BacklogSample.at)
    if environment:
        query = query.where(BacklogSample.environment == environment)
    counts: list[int | None] = [None] * span.steps
    seconds: list[int | None] = [None] * span.steps
    for at, count, oldest in db.session.execute(query):
        place = (at - start) // span.step
        if place < span.steps:
            counts[place], seconds[place] = max(counts[place] or 0, count), max(seconds[place] or 0, oldest)
    return counts, seconds
