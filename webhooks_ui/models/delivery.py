"""A delivery: one event for one webhook."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, ForeignKey, Index, String, Text, and_, case, false, text
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, mapped_column, relationship

from webhooks_ui.database import db
from webhooks_ui.models.event import Event
from webhooks_ui.models.types import BigId, UtcDateTime, utcnow
from webhooks_ui.models.webhook import Webhook


class DeliveryStatus(StrEnum):
    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"
    CANCELLED = "cancelled"


RETRYING = "retrying"  # pages and filters use this for a pending delivery that has failed at least once


class DeliveryTrigger(StrEnum):
    EVENT = "event"
    TEST = "test"
    MISSED = "missed"
    REPLAY = "replay"  # a person sent the event to a webhook of their choice


# A delivery has a ``due_at`` as long as it is pending. The workers' queries name that and not the status: PostgreSQL
# would answer a status from ix_deliveries_unsettled, which visits all that is pending, not that of one webhook.
PENDING = text("due_at IS NOT NULL")
FORCED = text("forced")
# In SQL of the workers. The CASE leaves ix_deliveries_forced alone to serve. After an ANALYZE at the wrong moment,
# SQLite would take ix_deliveries_due, and visit all that is due of all webhooks.
FORCED_AND_DUE = "forced AND CASE WHEN forced THEN due_at END <= :now"
IN_ORDER = text("in_order AND due_at IS NOT NULL")
LEASED_IN_ORDER = text("in_order AND lease_token IS NOT NULL")
BULK = text("bulk_action_id IS NOT NULL")
UNSETTLED = text("status <> 'delivered'")

ONE_MORE = 0  # in ``attempts_allowed``: as many as the schedule has, beside the next one, which a person wants at once

GIVEN_UP: dict[str, Any] = {"status": DeliveryStatus.CANCELLED, "due_at": None, "lease_token": None, "forced": False}


def is_free() -> ColumnElement[bool]:
    """Return the condition that no attempt is under way. An expired lease doesn't count: its worker was killed."""
    return Delivery.lease_token.is_(None) | (Delivery.due_at <= utcnow())


def _later(at: Any, other: Any) -> Any:
    """Return the later of two times in SQL, of which the second may be missing."""
    return case((other > at, other), else_=at)


def shown_status_of(delivery: Any) -> str:
    """Return ``Delivery.shown_status`` of a delivery, or of a row with its columns."""
    has_failed = delivery.attempts_count > delivery.throttled_count
    status: str = delivery.status
    return RETRYING if status == DeliveryStatus.PENDING and has_failed else status


def next_attempt_of(delivery: Any) -> datetime | None:
    """Return ``Delivery.next_attempt_at`` of a delivery, or of a row with its columns."""
    if delivery.status != DeliveryStatus.PENDING or delivery.is_under_way:
        return None
    due_at: datetime | None = delivery.due_at
    if delivery.forced:
        return due_at
    if not delivery.webhook.active:
        return None
    probe_at = delivery.webhook.probe_at if delivery.webhook.breaker_opened_at else None
    return max(filter(None, (due_at, delivery.webhook.throttled_until, probe_at)), default=None)


class Delivery(db.Model):  # type: ignore[name-defined,misc]
    __tablename__ = "deliveries"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    event_id: Mapped[int] = mapped_column(BigId, ForeignKey("events.id"))
    webhook_id: Mapped[int] = mapped_column(BigId, ForeignKey("webhooks.id"))
    # Copied from the event for the filters of the log
    event_type: Mapped[str] = mapped_column(String(64))
    environment: Mapped[str] = mapped_column(String(16))
    trigger: Mapped[str] = mapped_column(String(16), default=DeliveryTrigger.EVENT)
    status: Mapped[str] = mapped_column(String(16), default=DeliveryStatus.PENDING)

    # When a worker may take it, or the end of its lease. None as soon as it isn't pending any more
    due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    lease_token: Mapped[str | None] = mapped_column(String(32))  # identifies the worker that holds it
    forced: Mapped[bool] = mapped_column(default=False, server_default=false())  # send even to an inactive webhook
    attempts_count: Mapped[int] = mapped_column(default=0)
    attempts_allowed: Mapped[int | None] = mapped_column()  # None: as many as the retry schedule has. Or ``ONE_MORE``
    # Of the attempts, those that use up none of the schedule: told to slow down, or wanted by a person beside it
    throttled_count: Mapped[int] = mapped_column(default=0, server_default="0")
    give_up_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # None: it was not asked to wait yet
    in_order: Mapped[bool] = mapped_column(default=False, server_default=false())  # as its webhook, while it is pending
    # Of its webhook when the event was published, so that all attempts send the same data. See events.selection
    fields: Mapped[str | None] = mapped_column(Text)

    bulk_action_id: Mapped[int | None] = mapped_column(BigId)  # the last one that made it due

    # The last attempt
    response_code: Mapped[int | None] = mapped_column()
    outcome: Mapped[str | None] = mapped_column(String(32))
    duration_ms: Mapped[int | None] = mapped_column()
    last_attempt_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)

    event: Mapped[Event] = relationship()
    webhook: Mapped[Webhook] = relationship()

    __table_args__ = (
        Index(
            "ix_deliveries_due", "webhook_id", "due_at", "id", sqlite_where=PENDING, postgresql_where=PENDING
        ),  # for claiming the next deliveries of each webhook
        # For claiming the next delivery of a webhook that keeps the order, and for seeing whether one is in flight
        Index("ix_deliveries_in_order", "webhook_id", "id", sqlite_where=IN_ORDER, postgresql_where=IN_ORDER),
        Index(
            "ix_deliveries_leased_in_order",
            "webhook_id",
            sqlite_where=LEASED_IN_ORDER,
            postgresql_where=LEASED_IN_ORDER,
        ),
        # For the deliveries of a bulk action, and for what became of them
        Index("ix_deliveries_bulk", "bulk_action_id", "id", "status", sqlite_where=BULK, postgresql_where=BULK),
        Index("ix_deliveries_forced", "due_at", sqlite_where=FORCED, postgresql_where=FORCED),
        Index("ix_deliveries_webhook", "webhook_id", "id"),
        Index("ix_deliveries_event", "event_id"),
        Index(
            "ix_deliveries_unsettled", "status", "id", sqlite_where=UNSETTLED, postgresql_where=UNSETTLED
        ),  # for the log: finds the few deliveries that weren't delivered among millions that were
    )

    @hybrid_property
    def next_attempt_at(self) -> datetime | None:
        """When the next attempt is made at the earliest. ``None`` while one is under way, and when there will be none.

        It is also ``None`` while the webhook is inactive. A failing webhook waits for its probe, and one that was asked
        to slow down for the end of that. What a person wants sent at once waits for none of these.
        """
        return next_attempt_of(self)

    @next_attempt_at.inplace.expression
    @classmethod
    def _next_attempt_at(cls) -> ColumnElement[datetime | None]:
        """Return the same in SQL, for a query that joins the webhook."""
        probe_at = case((Webhook.breaker_opened_at.is_not(None), Webhook.probe_at))
        earliest = _later(_later(cls.due_at, Webhook.throttled_until), probe_at)
        waits = and_(cls.status == DeliveryStatus.PENDING, is_free())
        return case((and_(waits, cls.forced), cls.due_at), (and_(waits, Webhook.active), earliest))

    @property
    def is_under_way(self) -> bool:
        """Whether a worker holds the delivery. An expired lease doesn't count, because its worker was killed."""
        return self.lease_token is not None and self.due_at is not None and self.due_at > utcnow()

    @property
    def is_left_behind(self) -> bool:
        """Whether its webhook was moved to another environment, so that it can't be retried."""
        return self.environment != self.webhook.environment

    @hybrid_property
    def shown_status(self) -> str:
        """The status that pages show: ``retrying`` for a pending delivery that has failed before."""
        return shown_status_of(self)

    @shown_status.inplace.expression
    @classmethod
    def _shown_status(cls) -> ColumnElement[str]:
        """Return the same in SQL."""
        has_failed = cls.attempts_count > cls.throttled_count
        return case((and_(cls.status == DeliveryStatus.PENDING, has_failed), RETRYING), else_=cls.status)

    @property
    def is_final(self) -> bool:
        return self.status != DeliveryStatus.PENDING
