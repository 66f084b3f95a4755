"""A saved payload: data of a test event that somebody keeps to send it again."""

from datetime import datetime

from sqlalchemy import ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from webhooks_ui.database import db
from webhooks_ui.models.types import BigId, UtcDateTime, utcnow
from webhooks_ui.models.user import User

NAME_MAX_CHARACTERS = 60


class SavedPayload(db.Model):  # type: ignore[name-defined,misc]
    __tablename__ = "test_payloads"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    event_type: Mapped[str] = mapped_column(String(64))
    name: Mapped[str] = mapped_column(String(NAME_MAX_CHARACTERS))
    data: Mapped[str] = mapped_column(Text)  # JSON, as it was typed
    user_id: Mapped[int] = mapped_column(BigId, ForeignKey("users.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)

    author: Mapped[User] = relationship()

    __table_args__ = (UniqueConstraint("event_type", "name", name="uq_test_payloads_event_type"),)
