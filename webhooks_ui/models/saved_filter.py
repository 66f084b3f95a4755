"""A saved filter: what somebody looks for again and again in a list, under a name."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import JSON, Boolean, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from webhooks_ui.database import db
from webhooks_ui.models.types import BigId, UtcDateTime, utcnow
from webhooks_ui.models.user import User

NAME_MAX_CHARACTERS = 60


class FilteredList(StrEnum):
    """The lists whose filters can be saved."""

    DELIVERIES = "deliveries"
    WEBHOOKS = "webhooks"


class SavedFilter(db.Model):  # type: ignore[name-defined,misc]
    __tablename__ = "saved_filters"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    list: Mapped[str] = mapped_column(String(16))
    name: Mapped[str] = mapped_column(String(NAME_MAX_CHARACTERS))
    query: Mapped[dict[str, str]] = mapped_column(JSON)  # of the list's address
    is_shared: Mapped[bool] = mapped_column(Boolean, default=False)
    user_id: Mapped[int] = mapped_column(BigId, ForeignKey("users.id", ondelete="CASCADE"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)

    owner: Mapped[User] = relationship()

    __table_args__ = (UniqueConstraint("user_id", "list", "name", name="uq_saved_filters_user_id"),)
