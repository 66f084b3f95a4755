"""Makes, retries and cancels deliveries. The caller owns the transaction."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, case, exists, func, insert, or_, select, update

from webhooks_ui import audit
from webhooks_ui.database import after_commit, db
from webhooks_ui.events.selection import fields_text
from webhooks_ui.models import Delivery, DeliveryStatus, DeliveryTrigger, Event, Webhook, utcnow
from webhooks_ui.models.delivery import GIVEN_UP, IN_ORDER, ONE_MORE, PENDING, is_free
from webhooks_ui.models.webhook_state import IS_DELETED, IS_LIVE
from webhooks_ui.wake import wake


def new_delivery(
    event_id: int, event_type: str, webhook_id: int, environment: str, now: Any, **fields: Any
) -> dict[str, Any]:
    """Return the row of a delivery that is due at once.

    Args:
        now: a time in the form that is stored, which for SQLAlchemy's statements is a ``datetime``.
        fields: override or add columns.
    """
    return {
        "event_id": event_id,
        "webhook_id": webhook_id,
        "event_type": event_type,
        "environment": environment,
        "trigger": DeliveryTrigger.EVENT,
        "status": DeliveryStatus.PENDING,
        "due_at": now,
        "attempts_count": 0,
        "created_at": now,
    } | fields


def replay(event: Event, webhook: Webhook) -> int:
    """Make one more delivery of an event, to a webhook of any environment. Return its id.

    It goes out even if the webhook is inactive. The audit log records it. The workers wake after the commit.
    """
    row = new_delivery(event.id, event.type, webhook.id, webhook.environment, utcnow(), trigger=DeliveryTrigger.REPLAY)
    row |= {"forced": True, "in_order": webhook.in_order, "fields": fields_text(webhook.fields)}
    delivery_id: int = db.session.connection().execute(insert(Delivery).returning(Delivery.id), row).scalar_one()
    audit.record("delivery.replayed", "delivery", delivery_id, event.type, after={"webhook": webhook.name})
    after_commit(wake)
    return delivery_id


def retry(ids: Sequence[int], *conditions: ColumnElement[bool]) -> list[int]:
    """Make deliveries due now, in the session. Return the ids of those that were changed.

    They go out even if their webhook is inactive or fails. Each retry is recorded in the audit log. The workers are
    woken after the commit. Nobody deletes the webhooks until then, because nothing may go out afterwards.

    Args:
        conditions: Conditions that a delivery must still meet.
    """
    own = select(Delivery.webhook_id).where(Delivery.id.in_(ids))
    db.session.execute(
        select(Webhook.id).where(Webhook.id.in_(own)).order_by(Webhook.id).with_for_update(key_share=True)
    )
    had_arrived = select(Delivery.id).where(Delivery.id.in_(ids), Delivery.status == DeliveryStatus.DELIVERED)
    resent = set(db.session.scalars(had_arrived))
    changed = make_due(db.session.connection(), ids, utcnow(), *conditions)
    for delivery in db.session.scalars(select(Delivery).where(Delivery.id.in_(changed)).order_by(Delivery.id)):
        action = "delivery.resent" if delivery.id in resent else "delivery.retried"
        audit.record(action, "delivery", delivery.id, delivery.event_type)
    if changed:
        after_commit(wake)
    return changed


def make_due(
    connection: Connection,
    ids: Sequence[int],
    now: datetime,
    *conditions: ColumnElement[bool],
    forced: bool = True,
    bulk_action_id: int | None = None,
) -> list[int]:
    """Make deliveries due at ``now``. Return the ids of those that were changed.

    A final delivery gets one more attempt. So does one that is retried on its schedule, which goes on afterwards.
    Deliveries that aren't retryable don't change.

    Args:
        conditions: Conditions that a delivery must still meet, as it did when ``ids`` were found.
        forced: Whether to send it even if its webhook is inactive or its breaker is open. Otherwise it waits, unless it
            is a test: tests always go out at once, and no turn of a webhook that keeps the order comes to them.
        bulk_action_id: of the bulk action that does it. Empty: a person retries them one by one.
    """
    is_pending = Delivery.status == DeliveryStatus.PENDING
    is_test = Delivery.trigger == DeliveryTrigger.TEST
    made = Delivery.attempts_count - Delivery.throttled_count
    goes_on = case((made > 0, func.coalesce(Delivery.attempts_allowed, ONE_MORE)), else_=Delivery.attempts_allowed)
    keeps_order = select(Webhook.in_order).where(Webhook.id == Delivery.webhook_id).scalar_subquery()
    statement = (
        update(Delivery)
        .where(Delivery.id.in_(ids), is_retryable(), *conditions)
        .values(
            status=DeliveryStatus.PENDING,
            due_at=now,
            lease_token=None,
            forced=True if forced else or_(Delivery.forced, is_test),
            attempts_allowed=case((is_pending, goes_on), else_=made + 1),
            give_up_at=case((is_pending, Delivery.give_up_at)),
            bulk_action_id=bulk_action_id or Delivery.bulk_action_id,
            in_order=and_(keeps_order, ~is_test),
        )
        .returning(Delivery.id)
    )
    return list(connection.execute(statement).scalars())


def cancel(connection: Connection, ids: Sequence[int], *conditions: ColumnElement[bool]) -> list[int]:
    """Cancel those of ``ids`` that still wait for their webhook to become active. Return the cancelled ids."""
    statement = (
        update(Delivery).where(Delivery.id.in_(ids), is_held(), *conditions).values(GIVEN_UP).returning(Delivery.id)
    )
    return list(connection.execute(statement).scalars())


def cancel_orphans(connection: Connection, *conditions: ColumnElement[bool]) -> int:
    """Cancel pending deliveries of webhooks that were deleted or have left their environment. Return how many.

    They exist if an attempt that was under way has failed, or if an event was published at that moment: on PostgreSQL,
    neither of the two transactions sees the changes of the other.

    Args:
        conditions: Conditions that the webhooks meet. Without any, all are looked through.
    """
    left = exists().where(Webhook.id == Delivery.webhook_id, _has_left(Delivery.environment))
    webhooks = select(Webhook.id).where(*conditions, has_orphans())
    orphans = PENDING, Delivery.webhook_id.in_(webhooks), is_free(), left
    return connection.execute(update(Delivery).where(*orphans).values(GIVEN_UP)).rowcount


def has_orphans() -> ColumnElement[bool]:
    """Return the condition that a webhook was deleted or moved, but that something is pending for it from before.

    It is about webhooks, because PostgreSQL would look for one of the deliveries in all there are. It reads only the
    first one that is due, and the one that all others wait for where the webhook keeps the order. What comes later is
    found after that, or when it is claimed.
    """
    pending = select(Delivery.environment).where(Delivery.webhook_id == Webhook.id, PENDING, is_free())
    due = pending.order_by(Delivery.due_at, Delivery.id).limit(1).scalar_subquery()
    awaited = pending.where(IN_ORDER).order_by(Delivery.id).limit(1).scalar_subquery()
    return and_(due.is_not(None), or_(_has_left(due), and_(Webhook.in_order, Webhook.environment != awaited)))


def _has_left(environment: Any) -> ColumnElement[bool]:
    """Return the condition that a webhook gets nothing of ``environment`` any more."""
    return or_(IS_DELETED, Webhook.environment != environment)


def is_retryable() -> ColumnElement[bool]:
    """Return the condition that a delivery can be retried.

    No attempt is under way, and its webhook isn't deleted and still gets events of this environment.
    """
    return is_free() & Delivery.webhook.has(and_(IS_LIVE, Webhook.environment == Delivery.environment))


def is_held() -> ColumnElement[bool]:
    """Return the condition that a delivery waits for its webhook to become active."""
    is_pending = Delivery.status == DeliveryStatus.PENDING
    return is_pending & ~Delivery.forced & is_free() & Delivery.webhook.has(~Webhook.active)
