"""An API key: lets a program do what its scopes say, in one environment. Only the hash of its text is stored."""

import hashlib
import secrets
from collections.abc import Collection
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import JSON, String
from sqlalchemy.orm import Mapped, mapped_column

from webhooks_ui.database import db
from webhooks_ui.models.scope import in_order
from webhooks_ui.models.types import BigId, UtcDateTime, utcnow

NAME_MAX_CHARACTERS = 100
RATE_PER_MINUTE_DEFAULT = 60_000
RATE_PER_MINUTE_MAX = 1_000_000
SHOWN_PREFIX_CHARACTERS = 11
OVERLAP_HOURS_MAX = 30 * 24


class ApiKeyStatus(StrEnum):
    ACTIVE = "active"
    EXPIRED = "expired"
    REVOKED = "revoked"


class ApiKey(db.Model):  # type: ignore[name-defined,misc]
    __tablename__ = "api_keys"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    name: Mapped[str] = mapped_column(String(NAME_MAX_CHARACTERS))
    prefix: Mapped[str] = mapped_column(String(16))  # the start of the key, so that people can tell keys apart
    digest: Mapped[str] = mapped_column(String(64), unique=True)  # SHA-256: the key is random, so no salt is needed
    environment: Mapped[str] = mapped_column(String(16))
    scopes: Mapped[list[str]] = mapped_column(JSON)  # of Scope, in its order
    rate_per_minute: Mapped[int] = mapped_column(default=RATE_PER_MINUTE_DEFAULT)  # requests
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # None: never
    last_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # written at most once a minute, as the next two
    last_used_from: Mapped[str | None] = mapped_column(String(64))  # the IP address of the client
    older_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # when the old text was last used
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    # The text before the key was rolled. It works until its end.
    older_prefix: Mapped[str | None] = mapped_column(String(16))
    older_digest: Mapped[str | None] = mapped_column(String(64), unique=True)
    older_expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    @classmethod
    def make(
        cls,
        name: str,
        environment: str,
        scopes: Collection[str],
        rate_per_minute: int = RATE_PER_MINUTE_DEFAULT,
        expires_at: datetime | None = None,
    ) -> tuple["ApiKey", str]:
        """Return a new key and its text ``km_…``, which can't be read again later."""
        text = _new_text()
        key = cls(
            name=name,
            prefix=text[:SHOWN_PREFIX_CHARACTERS],
            digest=digest(text),
            environment=environment,
            scopes=[scope.value for scope in in_order(scopes)],
            rate_per_minute=rate_per_minute,
            expires_at=expires_at,
        )
        return key, text

    def roll(self, overlap: timedelta) -> str:
        """Give the key a new text, and return it.

        The present text works for ``overlap`` more. An older one ends at once.
        """
        self.end_older()
        if overlap:
            self.older_prefix, self.older_digest = self.prefix, self.digest
            self.older_expires_at, self.older_used_at = utcnow() + overlap, self.last_used_at
        text = _new_text()
        self.prefix, self.digest = text[:SHOWN_PREFIX_CHARACTERS], digest(text)
        return text

    def end_older(self) -> None:
        """Refuse the old text from now on."""
        self.older_prefix = self.older_digest = self.older_expires_at = self.older_used_at = None

    @property
    def has_older(self) -> bool:
        """Whether an old text still works beside the present one."""
        return self.older_expires_at is not None and self.older_expires_at > utcnow()

    @property
    def status(self) -> ApiKeyStatus:
        if self.revoked_at is not None:
            return ApiKeyStatus.REVOKED
        has_ended = self.expires_at is not None and self.expires_at <= utcnow()
        return ApiKeyStatus.EXPIRED if has_ended else ApiKeyStatus.ACTIVE

    def is_text(self, text: str) -> bool:
        """Return True if ``text`` is the key's present text."""
        return digest(text) == self.digest


def digest(text: str) -> str:
    """Return the stored form of a key: the hexadecimal SHA-256 of its text."""
    return hashlib.sha256(text.encode()).hexdigest()


def _new_text() -> str:
    return f"km_{secrets.token_urlsafe(32)}"
