"""An inspector: a private URL that shows its owner what it gets, and answers what the owner sets."""

from datetime import datetime, timedelta

from sqlalchemy import ForeignKey, Index, LargeBinary, String, Text, false
from sqlalchemy.orm import Mapped, mapped_column

from webhooks_ui.database import db
from webhooks_ui.models.types import BigId, UtcDateTime, utcnow

NAME_MAX_CHARACTERS = 60
ANSWER_BODY_MAX_CHARACTERS = 1_000
KEPT_FOR = timedelta(days=7)  # an inspector since its owner last looked at it, and a request since it came


class Inspector(db.Model):  # type: ignore[name-defined,misc]
    __tablename__ = "inspectors"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    user_id: Mapped[int] = mapped_column(BigId, ForeignKey("users.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(NAME_MAX_CHARACTERS))
    token: Mapped[str] = mapped_column(String(64), unique=True)  # the secret part of its URL
    # The answer that it gives
    code: Mapped[int] = mapped_column(default=200)
    delay_seconds: Mapped[int] = mapped_column(default=0)
    retry_after_seconds: Mapped[int | None] = mapped_column()
    body: Mapped[str] = mapped_column(Text, default="")

    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    looked_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)  # by its owner

    @property
    def ends_at(self) -> datetime:
        """When it ends, unless its owner looks at it before."""
        return self.looked_at + KEPT_FOR


class InspectedRequest(db.Model):  # type: ignore[name-defined,misc]
    """A request that an inspector got, and the answer that it gave."""

    __tablename__ = "inspected_requests"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    inspector_id: Mapped[int] = mapped_column(BigId, ForeignKey("inspectors.id", ondelete="CASCADE"))
    received_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    method: Mapped[str] = mapped_column(String(16))
    # Query, headers and address of the client, encrypted because they may hold passwords. See webhooks/inspected
    head_encrypted: Mapped[str] = mapped_column(Text)
    body: Mapped[bytes] = mapped_column(LargeBinary)  # the first 256 KiB
    body_bytes: Mapped[int] = mapped_column()  # that came
    code: Mapped[int] = mapped_column()  # this and the next two: the answer
    delay_seconds: Mapped[int] = mapped_column()
    was_busy: Mapped[bool] = mapped_column(default=False, server_default=false())  # too many answers waited already

    __table_args__ = (
        Index("ix_inspected_requests_inspector", "inspector_id", "id"),
        {"sqlite_autoincrement": True},  # an open page asks for what came after an id, which must not come again
    )

    @property
    def is_cut(self) -> bool:
        """Whether more came of the body than is kept."""
        return self.body_bytes > len(self.body)
