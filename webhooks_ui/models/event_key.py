"""A key of an event: a value in its data by which people look for it, such as a license key."""

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from webhooks_ui.database import db
from webhooks_ui.models.types import BigId

KEY_MAX_CHARACTERS = 128
# Sorted by bytes on every database, so that the index finds the keys that begin with a text
KEY = String(KEY_MAX_CHARACTERS).with_variant(String(KEY_MAX_CHARACTERS, collation="C"), "postgresql")


class EventKey(db.Model):  # type: ignore[name-defined,misc]
    __tablename__ = "event_keys"

    value: Mapped[str] = mapped_column(KEY, primary_key=True)  # in small letters
    # No foreign key, because checking it would cost each publisher more than the rows do. A purge deletes the keys
    event_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)

    __table_args__ = (Index("ix_event_keys_event", "event_id"), {"sqlite_with_rowid": False})
