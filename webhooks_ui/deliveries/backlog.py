"""The backlog: what is due and should have gone out, for metrics and checks. An index answers every query."""

from datetime import datetime

from sqlalchemy import Connection, case, func, select

from webhooks_ui.models import Delivery, Webhook
from webhooks_ui.models.delivery import IN_ORDER, PENDING
from webhooks_ui.models.webhook import IS_SENDABLE, holds_back


def oldest_due_seconds(connection: Connection, now: datetime) -> float:
    """Return how long the oldest delivery waits that no webhook's state, pace or order holds back."""
    pending = select(func.min(Delivery.due_at)).where(Delivery.webhook_id == Webhook.id, PENDING)
    next_in_order = select(Delivery.due_at).where(Delivery.webhook_id == Webhook.id, IN_ORDER).order_by(Delivery.id)
    first_due = case((Webhook.in_order, next_in_order.limit(1).scalar_subquery()), else_=pending.scalar_subquery())
    query = select(first_due.label("due_at")).where(IS_SENDABLE, ~holds_back(now))
    due_at = connection.execute(select(func.min(query.subquery().c.due_at))).scalar()
    return max(0.0, (now - due_at).total_seconds()) if due_at else 0.0
