"""An attempt: one HTTP request of a delivery, and its response."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from webhooks_ui.database import db
from webhooks_ui.models.delivery import Delivery
from webhooks_ui.models.types import BigId, UtcDateTime


class Attempt(db.Model):  # type: ignore[name-defined,misc]
    __tablename__ = "attempts"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    delivery_id: Mapped[int] = mapped_column(BigId, ForeignKey("deliveries.id", ondelete="CASCADE"))
    number: Mapped[int] = mapped_column()
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    duration_ms: Mapped[int] = mapped_column()
    outcome: Mapped[str] = mapped_column(String(32))
    detail: Mapped[str] = mapped_column(Text, default="")  # the message of the library's error
    url: Mapped[str] = mapped_column(Text)
    address: Mapped[str | None] = mapped_column(String(64))  # the IP address and port of the endpoint
    tls: Mapped[str | None] = mapped_column(String(64))  # protocol and cipher. None over plain HTTP
    # What the log keeps of the request's headers. deliveries.request_headers says how, and makes all of them
    kept_headers: Mapped[dict[str, Any]] = mapped_column("request_headers", JSON)
    signature: Mapped[str | None] = mapped_column(Text)
    sent_by: Mapped[str | None] = mapped_column(String(32))  # the version of the product
    request_body: Mapped[bytes | None] = mapped_column(LargeBinary)  # None: the event's body as it was published
    response_code: Mapped[int | None] = mapped_column()
    response_headers: Mapped[list[Any]] = mapped_column(JSON)  # [name, value] pairs, because a name may repeat
    response_body: Mapped[bytes | None] = mapped_column(LargeBinary)  # the first 10 KiB, decoded, in UTF-8
    response_truncated: Mapped[bool] = mapped_column(default=False)

    delivery: Mapped[Delivery] = relationship(backref="attempts")

    __table_args__ = (Index("ix_attempts_delivery", "delivery_id", "number"),)
