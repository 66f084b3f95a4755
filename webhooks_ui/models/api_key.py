"""An API key: gives a publisher access to one environment. Only its hash is stored."""

import hashlib
import secrets
from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from webhooks_ui.database import db
from webhooks_ui.models.types import BigId, UtcDateTime, utcnow

NAME_MAX_CHARACTERS = 100
RATE_PER_MINUTE_DEFAULT = 60_000
RATE_PER_MINUTE_MAX = 1_000_000
SHOWN_PREFIX_CHARACTERS = 11


class ApiKey(db.Model):  # type: ignore[name-defined,misc]
    __tablename__ = "api_keys"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    name: Mapped[str] = mapped_column(String(NAME_MAX_CHARACTERS))
    prefix: Mapped[str] = mapped_column(String(16))  # the start of the key, so that people can tell keys apart
    digest: Mapped[str] = mapped_column(String(64), unique=True)  # SHA-256: the key is random, so no salt is needed
    environment: Mapped[str] = mapped_column(String(16))
    rate_per_minute: Mapped[int] = mapped_column(default=RATE_PER_MINUTE_DEFAULT)  # requests
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # written at most once a minute
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    @classmethod
    def make(cls, name: str, environment: str, rate_per_minute: int = RATE_PER_MINUTE_DEFAULT) -> tuple["ApiKey", str]:
        """Return a new key and its text ``km_…``, which can't be read again later."""
        text = f"km_{secrets.token_urlsafe(32)}"
        key = cls(
            name=name,
            prefix=text[:SHOWN_PREFIX_CHARACTERS],
            digest=digest(text),
            environment=environment,
            rate_per_minute=rate_per_minute,
        )
        return key, text

    def is_text(self, text: str) -> bool:
        """Return True if ``text`` is the key's."""
        return digest(text) == self.digest


def digest(text: str) -> str:
    """Return the stored form of a key: the hexadecimal SHA-256 of its text."""
    return hashlib.sha256(text.encode()).hexdigest()
