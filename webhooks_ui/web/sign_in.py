"""Signing in: at once, or half, by a password that waits for its second factor."""

import time
from datetime import timedelta

from flask import flash, redirect, request, session, url_for
from flask_login import current_user
from werkzeug.wrappers import Response

from webhooks_ui import audit
from webhooks_ui.database import db, writing
from webhooks_ui.models import SignInMethod, User
from webhooks_ui.models.api_key import digest
from webhooks_ui.models.types import is_recent
from webhooks_ui.people import accounts, sessions
from webhooks_ui.people.second_factor import Factor
from webhooks_ui.web import resume
from webhooks_ui.web.access import TOKEN
from webhooks_ui.web.answers import go, safe_next

HALF = "half_signed_in"
HALF_FOR = timedelta(minutes=10)
METHODS = {
    SignInMethod.PASSWORD: "password",
    SignInMethod.PASSKEY: "passkey",
    SignInMethod.SSO: "single sign-on",
    SignInMethod.LINK: "link",
}


def sign_in(user: User, method: SignInMethod, factor: Factor | None = None, back: str | None = None) -> Response:
    """Begin a session in place of the one that the browser has. The call owns the transaction.

    Args:
        factor: the second factor that was shown, if any.
        back: the page to go to. The default is the one that ``next`` in the address names.
    """
    user_id, mark = user.id, _mark(user)
    back = safe_next(back or request.args.get("next"))
    with writing():
        locked = accounts.lock(user_id)
        # Between the check of the password and now, somebody may have changed it.
        token = _start(locked, method, factor) if locked and locked.is_active and _mark(locked) == mark else None
    session.clear()  # against session fixation
    if token is None:
        flash("Your account was changed a moment ago. Please sign in again.")
        return redirect(url_for("session.new", next=back), 303)
    session.permanent = True
    session[TOKEN] = token
    kept = resume.carried()
    return resume.page(kept) if kept else go(back)


def _start(user: User, method: SignInMethod, factor: Factor | None) -> str:
    sessions.end(session.get(TOKEN, ""))
    by = METHODS[method] if factor is None else f"{METHODS[method]} and {factor}"
    audit.act_as(user.email)
    audit.record("user.signed_in", "user", user.id, user.email, after={"by": by})
    return sessions.start(
        user,
        method,
        two_factors=factor is not None or method == SignInMethod.PASSKEY,
        address=request.remote_addr,
        user_agent=request.headers.get("User-Agent", ""),
    )


def refuse(email: str, user: User | None, reason: str) -> None:
    """Write a failed sign-in to the audit log. The call owns the transaction.

    An address that nobody has is not written: people also type their password into that field.
    """
    audit.act_as(audit.ANONYMOUS)
    user_id = user.id if user else None
    with writing():
        name = email if user else ""
        audit.record("user.sign_in_failed", "user", user_id, name, after={"reason": reason})


def begin_half(user: User, method: SignInMethod) -> None:
    """Remember that somebody has shown the first factor."""
    session[HALF] = {"user": user.id, "method": method, "mark": _mark(user), "at": int(time.time())}


def half() -> tuple[User, SignInMethod] | None:
    """Return who has shown the first factor in this browser, and which, or None if nobody has, or it was too long ago.

    A new password, a new second factor and a deactivation end it.
    """
    begun = session.get(HALF)
    if not isinstance(begun, dict) or not is_recent(begun["at"], HALF_FOR):
        return None
    user = db.session.get(User, begun["user"])
    if user is None or not user.is_active or _mark(user) != begun["mark"]:
        return None
    return user, SignInMethod(begun["method"])


def forget_half() -> None:
    session.pop(HALF, None)


def sign_out() -> None:
    """End the session of this browser. The call owns the transaction."""
    is_known = current_user.is_authenticated  # asked before: to find the person also notes the use of the session
    with writing():
        if is_known:
            audit.act_as(current_user.email)
            audit.record("user.signed_out", "user", current_user.id, current_user.email)
        sessions.end(session.get(TOKEN, ""))
    session.clear()


def _mark(user: User) -> str:
    """Return a text that changes when the ways to sign in do."""
    return digest(f"{user.password_hash} {user.totp_secret_encrypted} {user.oidc_subject}")[:16]
