"""A bulk action: what an admin does to many deliveries. It runs in batches and shows its progress."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from webhooks_ui.database import db
from webhooks_ui.models.kept_json import ANY_JSON
from webhooks_ui.models.types import BigId, UtcDateTime, utcnow


class BulkActionKind(StrEnum):
    RETRY = "retry"
    CANCEL = "cancel"
    SEND_MISSED = "send_missed"


class BulkActionStatus(StrEnum):
    RUNNING = "running"
    FINISHED = "finished"
    STOPPED = "stopped"


RUNNING = text("status = 'running'")


class BulkAction(db.Model):  # type: ignore[name-defined,misc]
    __tablename__ = "bulk_actions"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    filters: Mapped[dict[str, Any]] = mapped_column(ANY_JSON)  # these choose the rows
    actor: Mapped[str] = mapped_column(String(254))
    status: Mapped[str] = mapped_column(String(16), default=BulkActionStatus.RUNNING)
    # It works through the ids from start_id to end_id. place is the id that it has reached.
    start_id: Mapped[int] = mapped_column(BigId)
    end_id: Mapped[int] = mapped_column(BigId)
    place: Mapped[int] = mapped_column(BigId)
    changed_count: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)

    __table_args__ = (Index("ix_bulk_actions_running", "id", sqlite_where=RUNNING, postgresql_where=RUNNING),)

    @property
    def is_running(self) -> bool:
        return self.status == BulkActionStatus.RUNNING

    @property
    def progress(self) -> float:
        """The finished share of the work, from 0 to 1."""
        if self.status == BulkActionStatus.FINISHED or self.start_id == self.end_id:
            return 1.0
        return (self.place - self.start_id) / (self.end_id - self.start_id)
