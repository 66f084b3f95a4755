"""What may be done to a user: the one function for pages and commands of each. The caller owns the transaction.

The caller locks the user first by ``lock``, or by ``lock_among_super_admins`` to change the role or to deactivate.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.exc import IntegrityError

from webhooks_ui import audit
from webhooks_ui.database import db
from webhooks_ui.models import IS_MEMBER, Role, TokenPurpose, User, UserSession, utcnow
from webhooks_ui.models.user import EMAIL_MAX_CHARACTERS, NAME_MAX_CHARACTERS
from webhooks_ui.models.visible import in_one_line, is_visible
from webhooks_ui.people import recovery_codes, sessions, tokens, totp

_NOT_IN_EMAIL = frozenset(' "(),:;<>@[\\]')  # RFC 5322, 3.2.3: the specials but the dot


class Refused(Exception):
    """A change that may not happen. The message is for people, and says why."""


def find(email: str) -> User | None:
    """Return the user with that address, in any case."""
    if "\0" in email:  # PostgreSQL refuses it as a text
        return None
    found: User | None = db.session.scalar(select(User).where(User.email == normal_email(email)))
    return found


def lock(user_id: int) -> User | None:
    """Return the user, whose row nobody else changes until the transaction ends."""
    return db.session.get(User, user_id, with_for_update=True, populate_existing=True)


def lock_among_super_admins(user_id: int) -> User | None:
    """Return the user. Nobody else changes its row, or that of a super admin, until the transaction ends.

    So two super admins can't demote each other at the same time. The rows are locked in one order, against deadlocks.
    """
    query = select(User).where(or_(User.id == user_id, User.role == Role.SUPER_ADMIN)).order_by(User.id)
    locked = db.session.scalars(query.with_for_update().execution_options(populate_existing=True))
    return next((user for user in locked if user.id == user_id), None)


def everybody() -> list[User]:
    return list(db.session.scalars(select(User).order_by(User.deactivated_at.is_not(None), User.email)))


def super_admins() -> list[User]:
    """Return the super admins who may sign in, oldest first."""
    query = select(User).where(IS_MEMBER, User.role == Role.SUPER_ADMIN)
    return list(db.session.scalars(query.order_by(User.id)))


def normal_email(text: str) -> str:
    return text.strip().lower()


def is_email(email: str) -> bool:
    """Return True if ``email``, in its normal form, can be an email address.

    Two addresses with a comma between them are none. Mail to them would go to the first one alone.
    """
    name, _, host = email.partition("@")
    is_possible = bool(name and host) and len(email) <= EMAIL_MAX_CHARACTERS and email.isprintable()
    return is_possible and not _NOT_IN_EMAIL.intersection(name + host)


def normal_name(text: str) -> str:
    """Return ``text`` in one line, without characters that can't be seen, or an empty text if there are no others."""
    line = in_one_line(text)
    return line if is_visible(line) else ""


def create(email: str, role: str, password: str) -> User:
    """Add a user who may sign in at once.

    Raises:
        Refused: There is a user with that address.
    """
    user = _add(email, role, joined_at=utcnow())
    user.set_password(password)
    audit.record("user.created", "user", user.id, user.email, after={"email": user.email, "role": role})
    return user


def add_from_provider(email: str, role: str) -> User:
    """Add a user whom the provider of single sign-on knows."""
    user = _add(email, role)
    audit.record("user.created", "user", user.id, user.email, after={"email": user.email, "role": role})
    return user


def invite(email: str, role: str, name: str = "") -> tuple[User, str]:
    """Add a user who may sign in once the invitation is accepted. Return the user and the token of the invitation.

    Who was invited before, and didn't come, is invited again. The older invitation no longer works.

    Raises:
        Refused: There is a user with that address who has joined or was deactivated.
    """
    found = find(email)
    user = lock(found.id) if found else None  # who was invited may be joining at this moment
    if user is None or user.joined_at is not None or user.deactivated_at is not None:
        user = _add(email, role)
    else:
        user.role = role
    user.name = normal_name(name)[:NAME_MAX_CHARACTERS] or user.name
    audit.record("user.invited", "user", user.id, user.email, after={"email": user.email, "role": role})
    return user, tokens.create(TokenPurpose.INVITATION, user)


def _add(email: str, role: str, joined_at: datetime | None = None) -> User:
    user = User(email=normal_email(email), role=role, name="", joined_at=joined_at)
    try:
        if find(email):
            raise Refused(f"The user {user.email} exists already.")
        db.session.add(user)
        db.session.flush()
    except IntegrityError:  # somebody else added the address at the same time
        raise Refused(f"The user {user.email} exists already.") from None
    return user


def join(user: User) -> None:
    """Let somebody who was invited sign in from now on."""
    if user.joined_at is None:
        user.joined_at = utcnow()
        tokens.revoke(user)
        audit.record("user.joined", "user", user.id, user.email)


def rename(user: User, name: str) -> None:
    before = user.name
    user.name = normal_name(name)[:NAME_MAX_CHARACTERS]
    _record("renamed", user, {"name": before}, {"name": user.name})


def set_role(user: User, role: str) -> None:
    """Change the role, which ends all sessions.

    Raises:
        Refused: This is the last super admin.
    """
    if user.role == role:
        return
    if user.role == Role.SUPER_ADMIN:
        _keep_a_super_admin(user, "have another role")
    before, user.role = user.role, role
    sessions.end_all(user)
    _record("role_changed", user, {"role": before}, {"role": role})


def deactivate(user: User) -> None:
    """Keep somebody from signing in, and end all sessions.

    Raises:
        Refused: This is the last super admin.
    """
    if user.deactivated_at is not None:
        return
    if user.role == Role.SUPER_ADMIN:
        _keep_a_super_admin(user, "be deactivated")
    user.deactivated_at = utcnow()
    sessions.end_all(user)
    tokens.revoke(user)
    _record("deactivated", user)


def activate(user: User) -> None:
    """Let somebody sign in again who was deactivated."""
    if user.deactivated_at is not None:
        user.deactivated_at = None
        _record("activated", user)


def set_password(user: User, password: str, *, keep: str | None = None) -> None:
    """Give somebody a new password, which ends all sessions but the one with the token ``keep``.

    Wrong codes still count, because a link for a new password shows nothing of the second factor.
    """
    user.set_password(password)
    sessions.end_all(user, but=keep)
    tokens.revoke(user, TokenPurpose.NEW_PASSWORD)
    _record("password_changed", user)


def remove_password(user: User, *, keep: str | None = None) -> None:
    """Leave the passkeys and single sign-on as the only ways to sign in.

    Raises:
        Refused: There is no other way.
    """
    if not user.can_do_without_password:
        raise Refused("Add a passkey first, on a device with a PIN or a fingerprint. You couldn't sign in without it.")
    user.password_hash = None
    sessions.end_all(user, but=keep)
    tokens.revoke(user, TokenPurpose.NEW_PASSWORD)
    _record("password_removed", user)


def reset_password(user: User) -> str:
    """Take the password away, and end all sessions. Return the token of a link for a new one.

    Raises:
        Refused: The person is deactivated, or hasn't accepted the invitation.
    """
    if user.deactivated_at is not None:
        raise Refused(f"{user.email} is deactivated. Activate the account first.")
    if user.joined_at is None:
        raise Refused(f"{user.email} has not accepted the invitation yet. Invite them again.")
    user.password_hash = None
    sessions.end_all(user)
    _record("password_reset", user)
    return tokens.create(TokenPurpose.NEW_PASSWORD, user)


def reset_second_factor(user: User) -> None:
    """Remove the authenticator app, all passkeys and the recovery codes, and end all sessions."""
    totp.disable(user)
    user.passkeys.clear()
    user.wrong_codes = 0
    recovery_codes.clear(user)
    sessions.end_all(user)
    _record("second_factor_reset", user)


def unlink(user: User) -> None:
    """Forget the account at the provider of single sign-on. The next sign-in there links again, by the address."""
    if user.is_linked:
        user.oidc_issuer = user.oidc_subject = None
        sessions.end_all(user)
        _record("sso_unlinked", user)


def end_sessions(user: User, *, keep: str | None = None) -> int:
    """End all sessions but the one with the token ``keep``. Return how many ended."""
    ended = sessions.end_all(user, but=keep)
    if ended:
        _record("sessions_ended", user, after={"sessions": ended})
    return ended


def end_session(session: UserSession) -> None:
    db.session.delete(session)
    _record("session_ended", session.user, after={"address": session.address})


def sign_in_methods(user: User) -> list[str]:
    """Return the ways in which somebody can sign in, in words."""
    methods = {
        "Password": user.password_hash is not None,
        "Authenticator app": user.has_totp,
        "Passkey": bool(user.passkeys),
        "Single sign-on": user.is_linked,
    }
    return [name for name, is_there in methods.items() if is_there]


def _keep_a_super_admin(user: User, change: str) -> None:
    """Do nothing if another super admin may sign in.

    Raises:
        Refused: ``user`` is the last one.
    """
    if [other.id for other in super_admins()] == [user.id]:
        raise Refused(f"{user.email} is the last super admin, and can't {change}. Make another one first.")


def _record(change: str, user: User, before: dict[str, Any] | None = None, after: dict[str, Any] | None = None) -> None:
    audit.record(f"user.{change}", "user", user.id, user.email, before=before, after=after)
