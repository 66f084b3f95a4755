"""An event: one thing that happened in the platform. It never changes."""

from datetime import datetime

from sqlalchemy import LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from webhooks_ui.database import db
from webhooks_ui.models.types import BigId, UtcDateTime, utcnow

# Sorted by bytes on every database, so that an index finds the ids that begin with a text
PUBLIC_ID = String(128).with_variant(String(128, collation="C"), "postgresql")


class Event(db.Model):  # type: ignore[name-defined,misc]
    __tablename__ = "events"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    public_id: Mapped[str] = mapped_column(PUBLIC_ID)  # the webhook-id header, and the publisher's idempotency key
    type: Mapped[str] = mapped_column(String(64))
    environment: Mapped[str] = mapped_column(String(16))
    body: Mapped[bytes] = mapped_column(LargeBinary)  # the exact bytes that every attempt sends
    note: Mapped[str | None] = mapped_column(Text)  # where its data doesn't fit the schema of its type
    deliveries_count: Mapped[int] = mapped_column(default=0)
    traceparent: Mapped[str | None] = mapped_column(String(55))  # of the publisher, see webhooks_ui/tracing
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow, index=True)

    __table_args__ = (UniqueConstraint("environment", "public_id", name="uq_events_environment_public_id"),)
