"""The keys of a new event, in one row, until the chore ``index_keys`` makes an ``EventKey`` of each."""

from sqlalchemy import Text
from sqlalchemy.orm import Mapped, mapped_column

from webhooks_ui.database import db
from webhooks_ui.models.types import BigId


class FreshKeys(db.Model):  # type: ignore[name-defined,misc]
    __tablename__ = "fresh_keys"

    event_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)  # see EventKey
    keys: Mapped[str] = mapped_column(Text)  # see ``events.keys.joined``
