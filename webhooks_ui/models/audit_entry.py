"""An audit entry: who did what, when, and from where. It never holds a secret."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from webhooks_ui.database import db
from webhooks_ui.models.types import BigId, UtcDateTime, utcnow


class AuditEntry(db.Model):  # type: ignore[name-defined,misc]
    __tablename__ = "audit_entries"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow, index=True)
    actor: Mapped[str] = mapped_column(String(254))  # an email address, "system", or "key km_…"
    address: Mapped[str | None] = mapped_column(String(64))  # the IP address of the client
    action: Mapped[str] = mapped_column(String(64))  # such as webhook.updated or api_key.revoked
    object_type: Mapped[str] = mapped_column(String(32))
    object_id: Mapped[int | None] = mapped_column(BigId)
    object_name: Mapped[str] = mapped_column(Text, default="")
    before: Mapped[dict[str, Any] | None] = mapped_column(JSON)  # the changed fields with their old values
    after: Mapped[dict[str, Any] | None] = mapped_column(JSON)  # the changed fields with their new values

    __table_args__ = (Index("ix_audit_entries_object", "object_type", "object_id", "id"),)
