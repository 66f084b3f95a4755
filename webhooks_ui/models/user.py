"""A user: a person who signs in to the admin portal."""

from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any, NamedTuple

from flask_login import UserMixin
from sqlalchemy import BigInteger, ColumnElement, String, Text, UniqueConstraint, and_
from sqlalchemy.orm import Mapped, mapped_column, relationship
from werkzeug.security import check_password_hash, generate_password_hash

from webhooks_ui.database import db
from webhooks_ui.models.passkey import Passkey
from webhooks_ui.models.types import BigId, UtcDateTime, utcnow

EMAIL_MAX_CHARACTERS = 254
NAME_MAX_CHARACTERS = 100
ISSUER_MAX_CHARACTERS = 255


class Role(StrEnum):
    """The roles, highest first. ``web/permissions`` says which role each page needs."""

    SUPER_ADMIN = "super_admin"
    ADMIN = "admin"
    OPERATOR = "operator"
    VIEWER = "viewer"


RANK = {Role.VIEWER: 0, Role.OPERATOR: 1, Role.ADMIN: 2, Role.SUPER_ADMIN: 3}


class UserStatus(StrEnum):
    ACTIVE = "active"
    INVITED = "invited"  # got an invitation, and didn't accept it yet
    DEACTIVATED = "deactivated"


class User(UserMixin, db.Model):  # type: ignore[name-defined,misc]
    __tablename__ = "users"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    email: Mapped[str] = mapped_column(String(EMAIL_MAX_CHARACTERS), unique=True)  # lower case
    name: Mapped[str] = mapped_column(String(NAME_MAX_CHARACTERS), default="", server_default="")
    role: Mapped[str] = mapped_column(String(16))  # one of Role
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    joined_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # None until the invitation is accepted
    deactivated_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_seen_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # written at most once a minute

    password_hash: Mapped[str | None] = mapped_column(Text)  # None: there is no password to sign in with

    totp_secret_encrypted: Mapped[str | None] = mapped_column(Text)  # of the authenticator app
    totp_enabled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # None while the app is being set up
    totp_last_step: Mapped[int | None] = mapped_column(BigInteger)  # of the last accepted code, so that it works once
    wrong_codes: Mapped[int] = mapped_column(default=0, server_default="0")  # in a row, see people/second_factor
    wrong_code_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    passkey_handle: Mapped[str | None] = mapped_column(String(64), unique=True)  # made with the first passkey
    passkeys: Mapped[list[Passkey]] = relationship(order_by=Passkey.id, cascade="all, delete-orphan")

    oidc_issuer: Mapped[str | None] = mapped_column(String(ISSUER_MAX_CHARACTERS))
    oidc_subject: Mapped[str | None] = mapped_column(String(ISSUER_MAX_CHARACTERS))

    __table_args__ = (UniqueConstraint("oidc_issuer", "oidc_subject"),)

    def set_password(self, password: str) -> None:
        self.password_hash = generate_password_hash(password)

    def has_password(self, password: str) -> bool:
        """Return True if that is the password. It takes equally long if there is none, to hide that."""
        return check_password_hash(self.password_hash or _no_password(), password) and bool(self.password_hash)

    @property
    def is_active(self) -> bool:
        return self.deactivated_at is None

    @property
    def status(self) -> UserStatus:
        if self.deactivated_at is not None:
            return UserStatus.DEACTIVATED
        return UserStatus.INVITED if self.joined_at is None else UserStatus.ACTIVE

    @property
    def has_totp(self) -> bool:
        """Whether an authenticator app is set up."""
        return self.totp_enabled_at is not None

    @property
    def has_second_factor(self) -> bool:
        return self.has_totp or bool(self.passkeys)

    @property
    def can_do_without_password(self) -> bool:
        """Whether there is a way to sign in without a password: a passkey that verifies, or single sign-on."""
        return self.is_linked or any(passkey.verifies for passkey in self.passkeys)

    @property
    def is_linked(self) -> bool:
        """Whether the person has signed in through the provider of single sign-on."""
        return self.oidc_subject is not None

    @property
    def shown_name(self) -> str:
        return self.name or self.email


class _Known(NamedTuple):
    id: int
    email: str
    name: str
    role: str


class Person(_Known, UserMixin):  # type: ignore[misc]
    """What each page needs to know of the person who is signed in, under the names that ``User`` has for it."""

    shown_name: Any = User.shown_name


IS_MEMBER: ColumnElement[bool] = and_(User.joined_at.is_not(None), User.deactivated_at.is_(None))  # may sign in


@lru_cache(maxsize=1)
def _no_password() -> str:
    """Return the hash of a password that nobody has."""
    return generate_password_hash("nobody")
