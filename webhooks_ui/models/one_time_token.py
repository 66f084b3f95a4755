"""A one-time token: the secret part of a link in an invitation or a mail, or the challenge to a passkey."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from webhooks_ui.database import db
from webhooks_ui.models.types import BigId, UtcDateTime, utcnow


class TokenPurpose(StrEnum):
    INVITATION = "invitation"
    NEW_PASSWORD = "new_password"  # noqa: S105 (no password)
    CHALLENGE = "challenge"  # one that a passkey has answered: it can't be answered again


class OneTimeToken(db.Model):  # type: ignore[name-defined,misc]
    __tablename__ = "one_time_tokens"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)  # SHA-256: a token is random, so it needs no salt
    purpose: Mapped[str] = mapped_column(String(16))  # one of TokenPurpose
    user_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("users.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
