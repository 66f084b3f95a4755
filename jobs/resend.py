"""Resend: one more attempt of deliveries, now. The body and the ``webhook-id`` are the event's, so they stay."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, case, update

from jobs.wake import wake
from webhooks_ui.extensions import write_transaction
from webhooks_ui.models import Delivery, DeliveryStatus, Webhook, utcnow


def resend(ids: Sequence[int]) -> list[int]:
    """Commit that the deliveries ``ids`` are due now, and wake the workers; the ids that this changed."""
    with write_transaction() as connection:
        changed = make_due(connection, ids, utcnow())
    if changed:
        wake()
    return changed


def resendable() -> ColumnElement[bool]:
    """Whether a delivery can be sent again: no attempt is under way, and its webhook wasn't deleted."""
    return is_free() & Delivery.webhook.has(Webhook.deleted_at.is_(None))


def is_free() -> ColumnElement[bool]:
    """Whether no attempt of a delivery is under way: a lease that ran out is that of a worker which was killed."""
    return Delivery.lease_token.is_(None) | (Delivery.due_at <= utcnow())


def make_due(
    connection: Connection, ids: Sequence[int], now: datetime, *conditions: ColumnElement[bool], forced: bool = True
) -> list[int]:
    """Make deliveries due at ``now``: a pending one goes on with its schedule, a final one gets one attempt more.

    Left alone are those with an attempt under way, and those of a deleted webhook.

    Args:
        conditions: what must still hold of a delivery, as it did when ``ids`` were found.
        forced: send it although its webhook is inactive or its breaker open; otherwise it waits for that.
    Returns:
        The ids that were changed.
    """
    is_pending = Delivery.status == DeliveryStatus.PENDING
    statement = (
        update(Delivery)
        .where(
            Delivery.id.in_(ids),
            resendable(),
            *conditions,
        )
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
