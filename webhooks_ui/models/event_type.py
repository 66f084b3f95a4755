"""An event type that a super admin added to the catalogue."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from webhooks_ui.database import db
from webhooks_ui.models.types import BigId, UtcDateTime, utcnow

NAME_MAX_CHARACTERS = 64
DESCRIPTION_MAX_CHARACTERS = 200


class SchemaCheck(StrEnum):
    """What happens to an event whose data doesn't fit the schema of its type."""

    OFF = "off"
    NOTE = "note"
    REFUSE = "refuse"

    @property
    def label(self) -> str:
        """What it does, on the pages."""
        return {
            "off": "Off: publish anything",
            "note": "Note: publish, and show it",
            "refuse": "Refuse: don't publish it",
        }[self]


class OwnEventType(db.Model):  # type: ignore[name-defined,misc]
    __tablename__ = "event_types"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    name: Mapped[str] = mapped_column(String(NAME_MAX_CHARACTERS), unique=True)
    description: Mapped[str] = mapped_column(Text)
    example: Mapped[str | dict[str, Any]] = mapped_column(JSON)  # see events.catalogue.example_of
    schema: Mapped[str | None] = mapped_column(Text)  # JSON Schema, as it was typed
    check: Mapped[str] = mapped_column(String(16), default=SchemaCheck.OFF)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)

    @property
    def category(self) -> str:
        """The part of its name before the first full stop."""
        return self.name.partition(".")[0]
