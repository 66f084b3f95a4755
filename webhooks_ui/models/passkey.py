"""A passkey: a key pair on a person's device, of which we store the public half (WebAuthn)."""

from datetime import datetime

from sqlalchemy import JSON, BigInteger, ForeignKey, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from webhooks_ui.database import db
from webhooks_ui.models.types import BigId, UtcDateTime, utcnow

NAME_MAX_CHARACTERS = 60


class Passkey(db.Model):  # type: ignore[name-defined,misc]
    __tablename__ = "passkeys"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    user_id: Mapped[int] = mapped_column(BigId, ForeignKey("users.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(NAME_MAX_CHARACTERS))
    credential_id: Mapped[str] = mapped_column(Text, unique=True)  # URL-safe base64, up to 1,023 bytes (WebAuthn)
    public_key: Mapped[bytes] = mapped_column(LargeBinary)  # COSE
    sign_count: Mapped[int] = mapped_column(BigInteger)  # rises with each use, on devices that count
    verifies: Mapped[bool] = mapped_column(default=False)  # whether the device has checked who uses it, as by a PIN
    transports: Mapped[list[str]] = mapped_column(JSON, default=list)  # how the browser reaches the device
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
