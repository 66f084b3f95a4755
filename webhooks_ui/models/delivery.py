"""A delivery: one event for one webhook."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, String, false, text
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


RETRYING = "retrying"  # how a pending delivery that has failed at least once is shown, and filtered


class DeliveryTrigger(StrEnum):
    EVENT = "event"
    TEST = "test"
    MISSED = "missed"


PENDING = text("status = 'pending'")
FORCED = text("forced")
UNSETTLED = text("status <> 'delivered'")

GIVEN_UP: dict[str, Any] = {"status": DeliveryStatus.CANCELLED, "due_at": None, "lease_token": None, "forced": False}


class Delivery(db.Model):  # type: ignore[name-defined,misc]
    __tablename__ = "deliveries"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    event_id: Mapped[int] = mapped_column(BigId, ForeignKey("events.id"))
    webhook_id: Mapped[int] = mapped_column(BigId, ForeignKey("webhooks.id"))
    event_type: Mapped[str] = mapped_column(String(64))  # the event's, repeated here for the log's filters
    environment: Mapped[str] = mapped_column(String(16))  # likewise
    trigger: Mapped[str] = mapped_column(String(16), default=DeliveryTrigger.EVENT)
    status: Mapped[str] = mapped_column(String(16), default=DeliveryStatus.PENDING)

    due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # pending: when a worker may take it; leased: the end
    lease_token: Mapped[str | None] = mapped_column(String(32))  # of the worker that holds it
    forced: Mapped[bool] = mapped_column(default=False, server_default=false())  # an admin wants it now, whatever holds
    attempts_count: Mapped[int] = mapped_column(default=0)
    attempts_allowed: Mapped[int | None] = mapped_column()  # None: as many as the retry schedule has

    response_code: Mapped[int | None] = mapped_column()  # this and the next three: of the last attempt
    outcome: Mapped[str | None] = mapped_column(String(32))
    duration_ms: Mapped[int | None] = mapped_column()
    last_attempt_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)

    event: Mapped[Event] = relationship()
    webhook: Mapped[Webhook] = relationship()

    __table_args__ = (
        Index(
            "ix_deliveries_due", "webhook_id", "due_at", "id", sqlite_where=PENDING, postgresql_where=PENDING
        ),  # claim: the next of each webhook
        Index("ix_deliveries_forced", "due_at", sqlite_where=FORCED, postgresql_where=FORCED),
        Index("ix_deliveries_webhook", "webhook_id", "id"),
        Index("ix_deliveries_event", "event_id"),
        Index(
            "ix_deliveries_unsettled", "status", "id", sqlite_where=UNSETTLED, postgresql_where=UNSETTLED
        ),  # the log: the few that weren't delivered, among millions that were
    )

    @property
    def next_attempt_at(self) -> datetime | None:
        """When the next attempt is planned; ``None`` while one is under way, and at the end."""
        return self.due_at if self.status == DeliveryStatus.PENDING and not self.is_under_way else None

    @property
    def is_under_way(self) -> bool:
        """Whether a worker holds it; one whose lease ran out was killed, and holds nothing any more."""
        return self.lease_token is not None and self.due_at is not None and self.due_at > utcnow()

    @property
    def shown_status(self) -> str:
        """The status as people read it: a pending one that has failed before is ``retrying``."""
        return RETRYING if self.status == DeliveryStatus.PENDING and self.attempts_count else self.status

    @property
    def is_final(self) -> bool:
        return self.status != DeliveryStatus.PENDING
