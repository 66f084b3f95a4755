"""A session: one sign-in of a person in one browser. The browser's cookie has the token, and we its hash."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from webhooks_ui.database import db
from webhooks_ui.models.types import BigId, UtcDateTime, utcnow
from webhooks_ui.models.user import User

USER_AGENT_MAX_CHARACTERS = 300


class SignInMethod(StrEnum):
    """How somebody signed in."""

    PASSWORD = "password"  # noqa: S105 (no password)
    PASSKEY = "passkey"
    SSO = "sso"
    LINK = "link"  # of an invitation or a new password


class UserSession(db.Model):  # type: ignore[name-defined,misc]
    __tablename__ = "user_sessions"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    user_id: Mapped[int] = mapped_column(BigId, ForeignKey("users.id", ondelete="CASCADE"), index=True)
    digest: Mapped[str] = mapped_column(String(64), unique=True)  # SHA-256: the token is random, so no salt is needed
    method: Mapped[str] = mapped_column(String(16))  # one of SignInMethod
    two_factors: Mapped[bool] = mapped_column(default=False)  # whether a second factor was shown, or a passkey
    address: Mapped[str | None] = mapped_column(String(64))  # the IP address of the client
    user_agent: Mapped[str] = mapped_column(String(USER_AGENT_MAX_CHARACTERS), default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow, index=True)
    last_seen_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)  # written at most once a minute

    user: Mapped[User] = relationship()
