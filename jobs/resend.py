"""Resend: one more attempt of deliveries, now. The body and the ``webhook-id`` are the event's, so they stay."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, case, select, update

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


def make_due(
    connection: Connection, ids: Sequence[int], now: datetime, *, forced: bool = True, attempts_seen: int | None = None
) -> list[int]:
    """Make deliveries due at ``now``: a pending one goes on with its schedule, a final one gets one attempt more.

    Left alone are those with an attempt under way, and those of a deleted webhook.

    Args:
        forced: send whatever holds the webhook's other deliveries (inactive, breaker open).
        attempts_seen: change nothing if there were more attempts since, so that a second click isn't a second retry.
    Returns:
        The ids that were changed.
    """
    is_pending = Delivery.status == DeliveryStatus.PENDING
    statement = (
        update(Delivery)
        .where(
            Delivery.id.in_(ids),
            Delivery.lease_token.is_(None),
            Delivery.webhook_id.in_(select(Webhook.id).where(Webhook.deleted_at.is_(None))),
        )
        .values(
            status=DeliveryStatus.PENDING,
            due_at=now,
            forced=forced,
            attempts_allowed=case((is_pending, Delivery.attempts_allowed), else_=Delivery.attempts_count + 1),
        )
        .returning(Delivery.id)
    )
    if attempts_seen is not None:
        statement = statement.where(Delivery.attempts_count == attempts_seen)
    return list(connection.execute(statement).scalars())
