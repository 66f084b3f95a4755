"""A form token: lets a form that was sent twice do its work once."""

from datetime import datetime

from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column

from webhooks_ui.database import db
from webhooks_ui.models.types import UtcDateTime, utcnow

TOKEN_MAX_CHARACTERS = 64


class FormToken(db.Model):  # type: ignore[name-defined,misc]
    __tablename__ = "form_tokens"

    token: Mapped[str] = mapped_column(String(TOKEN_MAX_CHARACTERS), primary_key=True)
    address: Mapped[str] = mapped_column(Text)  # where the browser was sent when the form had done its work
    sealed: Mapped[str | None] = mapped_column(Text)  # what the page at ``address`` shows for a while, encrypted
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow, index=True)
