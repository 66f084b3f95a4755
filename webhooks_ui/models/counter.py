"""A counter of the metrics: a number that only grows. All processes add to it, so it outlives each of them."""

from sqlalchemy import Double, String
from sqlalchemy.orm import Mapped, mapped_column

from webhooks_ui.database import db

NAME_MAX_CHARACTERS = 64
LABELS_MAX_CHARACTERS = 400


class Counter(db.Model):  # type: ignore[name-defined,misc]
    __tablename__ = "counters"

    name: Mapped[str] = mapped_column(String(NAME_MAX_CHARACTERS), primary_key=True)
    labels: Mapped[str] = mapped_column(String(LABELS_MAX_CHARACTERS), primary_key=True)  # a JSON array of the values
    value: Mapped[float] = mapped_column(Double, default=0.0)
