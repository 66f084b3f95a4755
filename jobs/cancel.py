"""Cancel: give up deliveries that wait for an inactive webhook, or that no webhook waits for any more."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, select, update

from jobs.resend import is_free
from webhooks_ui.models import Delivery, DeliveryStatus, Webhook

GIVEN_UP = {"status": DeliveryStatus.CANCELLED, "due_at": None, "lease_token": None, "forced": False}


def held() -> ColumnElement[bool]:
    """Whether a delivery waits for its webhook to be active again."""
    return (
        (Delivery.status == DeliveryStatus.PENDING)
        & ~Delivery.forced
        & is_free()
        & Delivery.webhook.has(~Webhook.active)
    )


def cancel(connection: Connection, ids: Sequence[int], *conditions: ColumnElement[bool]) -> list[int]:
    """Cancel those of ``ids`` that still wait; their ids."""
    statement = (
        update(Delivery).where(Delivery.id.in_(ids), held(), *conditions).values(GIVEN_UP).returning(Delivery.id)
    )
    return list(connection.execute(statement).scalars())


def cancel_orphans(connection: Connection) -> int:
    """Cancel what was published in the moment in which its webhook was deleted; how many that were.

    On PostgreSQL either transaction sees the state before the other.
    """
    deleted = select(Webhook.id).where(Webhook.deleted_at.is_not(None))
    orphans = (Delivery.status == DeliveryStatus.PENDING) & Delivery.webhook_id.in_(deleted) & is_free()
    return connection.execute(update(Delivery).where(orphans).values(GIVEN_UP)).rowcount
