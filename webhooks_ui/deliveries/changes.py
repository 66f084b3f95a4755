"""What may be done to deliveries: made, retried, cancelled. The caller owns the transaction."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, case, select, update

from webhooks_ui import audit
from webhooks_ui.database import after_commit, db
from webhooks_ui.models import Delivery, DeliveryStatus, DeliveryTrigger, Webhook, utcnow
from webhooks_ui.models.delivery import GIVEN_UP
from webhooks_ui.models.webhook import IS_DELETED, IS_LIVE
from webhooks_ui.wake import wake


def new_delivery(
    event_id: int, event_type: str, webhook_id: int, environment: str, now: datetime, **fields: Any
) -> dict[str, Any]:
    """Return the row of a delivery that is due at once. ``fields`` override or add columns."""
    return {
        "event_id": event_id,
        "webhook_id": webhook_id,
        "event_type": event_type,
        "environment": environment,
        "trigger": DeliveryTrigger.EVENT,
        "status": DeliveryStatus.PENDING,
        "due_at": now,
        "created_at": now,
    } | fields


def retry(ids: Sequence[int], *conditions: ColumnElement[bool]) -> list[int]:
    """Send deliveries once more, now, whatever holds them. Return the ids of those that this changed.

    The session owns the transaction. Each change is recorded in the audit log, and wakes the workers.

    Args:
        conditions: what must still hold of a delivery.
    """
    changed = make_due(db.session.connection(), ids, utcnow(), *conditions)
    for delivery in db.session.scalars(select(Delivery).where(Delivery.id.in_(changed)).order_by(Delivery.id)):
        audit.record("delivery.retried", "delivery", delivery.id, delivery.event_type)
    if changed:
        after_commit(wake)
    return changed


def make_due(
    connection: Connection, ids: Sequence[int], now: datetime, *conditions: ColumnElement[bool], forced: bool = True
) -> list[int]:
    """Make deliveries due at ``now``: a pending one goes on with its schedule, a final one gets one attempt more.

    Left alone are those with an attempt under way, and those of a deleted webhook.

    Args:
        conditions: what must still hold of a delivery, as it did when ``ids`` were found.
        forced: send it although its webhook is inactive or its breaker open. Otherwise it waits for that.
    Returns:
        The ids that were changed.
    """
    is_pending = Delivery.status == DeliveryStatus.PENDING
    statement = (
        update(Delivery)
        .where(Delivery.id.in_(ids), is_retryable(), *conditions)
        .values(
            status=DeliveryStatus.PENDING,
            due_at=now,
            lease_token=None,
            forced=True if forced else Delivery.forced,
            attempts_allowed=case((is_pending, Delivery.attempts_allowed), else_=Delivery.attempts_count + 1),
        )
        .returning(Delivery.id)
    )
    return list(connection.execute(statement).scalars())


def cancel(connection: Connection, ids: Sequence[int], *conditions: ColumnElement[bool]) -> list[int]:
    """Cancel those of ``ids`` that still wait for their webhook to be active again. Return their ids."""
    statement = (
        update(Delivery).where(Delivery.id.in_(ids), is_held(), *conditions).values(GIVEN_UP).returning(Delivery.id)
    )
    return list(connection.execute(statement).scalars())


def cancel_orphans(connection: Connection) -> int:
    """Cancel what was published in the moment in which its webhook was deleted. Return how many that were.

    On PostgreSQL each of the two transactions sees the state before the other.
    """
    deleted = select(Webhook.id).where(IS_DELETED)
    orphans = (Delivery.status == DeliveryStatus.PENDING) & Delivery.webhook_id.in_(deleted) & is_free()
    return connection.execute(update(Delivery).where(orphans).values(GIVEN_UP)).rowcount


def is_retryable() -> ColumnElement[bool]:
    """Whether a delivery can be sent again: no attempt is under way, and its webhook wasn't deleted."""
    return is_free() & Delivery.webhook.has(IS_LIVE)


def is_held() -> ColumnElement[bool]:
    """Whether a delivery waits for its webhook to be active again."""
    is_pending = Delivery.status == DeliveryStatus.PENDING
    return is_pending & ~Delivery.forced & is_free() & Delivery.webhook.has(~Webhook.active)


def is_free() -> ColumnElement[bool]:
    """Whether no attempt of a delivery is under way: a lease that ran out is that of a worker which was killed."""
    return Delivery.lease_token.is_(None) | (Delivery.due_at <= utcnow())
