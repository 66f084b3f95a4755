"""A user: a person who signs in to the admin portal."""

from datetime import datetime
from enum import StrEnum

from flask_login import UserMixin
from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column
from werkzeug.security import check_password_hash, generate_password_hash

from webhooks_ui.database import db
from webhooks_ui.models.types import BigId, UtcDateTime, utcnow

PASSWORD_MIN_CHARACTERS = 8


class Role(StrEnum):
    """The roles, highest first. ``web/permissions`` says which role each page needs."""

    SUPER_ADMIN = "super_admin"
    ADMIN = "admin"
    OPERATOR = "operator"
    VIEWER = "viewer"


RANK = {Role.VIEWER: 0, Role.OPERATOR: 1, Role.ADMIN: 2, Role.SUPER_ADMIN: 3}


class User(UserMixin, db.Model):  # type: ignore[name-defined,misc]
    __tablename__ = "users"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    email: Mapped[str] = mapped_column(String(254), unique=True)  # lower case
    password_hash: Mapped[str] = mapped_column(Text)
    role: Mapped[str] = mapped_column(String(16))  # one of Role
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)

    def set_password(self, password: str) -> None:
        self.password_hash = generate_password_hash(password)

    def has_password(self, password: str) -> bool:
        return check_password_hash(self.password_hash, password)

    def get_id(self) -> str:
        """Return what the session stores: the id and the end of the hash, so that a new password ends old sessions."""
        return f"{self.id}.{self.password_hash[-16:]}"
