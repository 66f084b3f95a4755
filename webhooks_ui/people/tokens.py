"""One-time tokens: the secret parts of links, and the challenges to passkeys. The caller owns the transaction."""

import secrets
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, select

from webhooks_ui.database import db, dialect
from webhooks_ui.models import OneTimeToken, TokenPurpose, User, utcnow
from webhooks_ui.models.api_key import digest

HOURS = {TokenPurpose.INVITATION: 72, TokenPurpose.NEW_PASSWORD: 24}  # for which a link works
TOKEN_BYTES = 32


def create(purpose: TokenPurpose, user: User) -> str:
    """Return a new token for ``user``. Older ones for the same purpose no longer work."""
    revoke(user, purpose)
    token, now = secrets.token_urlsafe(TOKEN_BYTES), utcnow()
    row = OneTimeToken(digest=digest(token), purpose=purpose, user_id=user.id, created_at=now)
    row.expires_at = now + timedelta(hours=HOURS[purpose])
    db.session.add(row)
    return token


def revoke(user: User, *purposes: TokenPurpose) -> None:
    """End the tokens of ``user`` for ``purposes``, or all of them."""
    condition = OneTimeToken.purpose.in_(purposes or tuple(HOURS))
    db.session.execute(delete(OneTimeToken).where(OneTimeToken.user_id == user.id, condition))


def find(purpose: TokenPurpose, token: str) -> User | None:
    """Return whose token it is, or ``None`` if it was used, has expired, or the person was deactivated."""
    query = select(User).join(OneTimeToken, OneTimeToken.user_id == User.id)
    found: User | None = db.session.scalar(
        query.where(
            OneTimeToken.digest == digest(token),
            *_lasts(purpose),
            User.deactivated_at.is_(None),
        )
    )
    return found


def expiry(purpose: TokenPurpose, user: User) -> datetime | None:
    """Return when the token of ``user`` for ``purpose`` ends, or ``None`` if there is none that works."""
    own = select(OneTimeToken.expires_at).where(OneTimeToken.user_id == user.id, *_lasts(purpose))
    found: datetime | None = db.session.scalar(own)
    return found


def _lasts(purpose: TokenPurpose) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions for tokens that have not expired.

    One from the far future was made while the clock was wrong, and would last for years.
    """
    now = utcnow()
    made_before = OneTimeToken.created_at < now + timedelta(hours=HOURS[purpose])
    return OneTimeToken.purpose == purpose, OneTimeToken.expires_at > now, made_before


def use(purpose: TokenPurpose, token: str) -> User | None:
    """Use up a token. Return whose it was, or ``None`` if it doesn't work. Of two requests, one gets the person."""
    user = find(purpose, token)
    gone = delete(OneTimeToken).where(OneTimeToken.digest == digest(token), OneTimeToken.purpose == purpose)
    return user if user and db.session.execute(gone.returning(OneTimeToken.digest)).first() else None


def use_challenge(challenge: str, lifetime: timedelta) -> bool:
    """Note that ``challenge`` was answered. Return False if that happened before.

    It is kept for twice its ``lifetime``, because the clock of the web server that asked may be ahead for as long.
    """
    connection = db.session.connection()
    row = {"digest": digest(challenge), "purpose": TokenPurpose.CHALLENGE, "created_at": utcnow()}
    row["expires_at"] = utcnow() + 2 * lifetime
    insert = dialect(connection).insert(OneTimeToken.__table__).values(row).on_conflict_do_nothing()
    return connection.execute(insert.returning(OneTimeToken.digest)).first() is not None
