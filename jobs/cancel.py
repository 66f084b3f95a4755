"""Cancel: give up deliveries that wait for an inactive webhook."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, update

from jobs.resend import is_free
from webhooks_ui.models import Delivery, DeliveryStatus, Webhook


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
        update(Delivery)
        .where(Delivery.id.in_(ids), held(), *conditions)
        .values(status=DeliveryStatus.CANCELLED, due_at=None, lease_token=None)
        .returning(Delivery.id)
    )
    return list(connection.execute(statement).scalars())
