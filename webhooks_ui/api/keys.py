"""Checks the API key of a request, its scope and its rate."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from flask import g, request
from sqlalchemy import update
from werkzeug.exceptions import HTTPException

from jobs.store import FactChanged
from webhooks_ui import audit
from webhooks_ui.api.known_keys import Caller, find, remembered
from webhooks_ui.api.rate import count_request
from webhooks_ui.database import write_aside
from webhooks_ui.database.facts import Fact
from webhooks_ui.models import ApiKey, Scope, utcnow
from webhooks_ui.models.api_key import digest
from webhooks_ui.web.problem import Problem

REMEMBERING = frozenset({"api.events"})  # endpoints that may go by what is remembered of a key
LAST_USED_PRECISION = timedelta(minutes=1)
CHALLENGE = 'Bearer realm="KeyManager Webhooks"'
INVALID = 'error="invalid_token"'  # this and the next error: RFC 6750, section 3.1


def caller() -> Caller:
    """Return the key of the current request."""
    found: Caller = g.caller
    return found


def may(scope: Scope) -> bool:
    """Return True if the key of the current request has ``scope``."""
    return scope in caller().scopes


def require(scope: Scope | None) -> None:
    """Refuse the current request unless its key has ``scope``. ``None`` lets every key pass.

    Raises:
        Problem: 403, with the name of the missing scope.
    """
    if scope is None or may(scope):
        return
    detail = f"This request needs the scope {scope}. The key has {', '.join(caller().scopes) or 'no scope'}."
    raise Problem(403, detail, headers=_challenge('error="insufficient_scope"', f'scope="{scope}"'))


def authenticate() -> None:
    """Accept the request if it has a valid key that is within its rate.

    A publication may go by what the process remembers of the key, because nothing is stored if that has changed. See
    ``answer_by_key`` for what isn't stored.

    Raises:
        Problem: 401 if the key is missing, unknown, revoked or at its end, or 429 if it is over its rate.
    """
    # Werkzeug's ``request.authorization`` fails on letters outside ASCII after Basic.
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Problem(401, "Send an API key: Authorization: Bearer km_…", headers=_challenge())
    sent, now = digest(token.strip()), utcnow()
    g.sent_key, g.is_key_remembered = sent, False
    known = remembered(sent) if request.endpoint in REMEMBERING else None
    if known and not is_use_due(known, sent, now):
        try:
            _let_in(known, now)
            count_request(known.id, known.rate_per_minute)
        except Problem:  # perhaps not by what the key is now
            pass
        else:
            g.is_key_remembered = True
            return
    found = _find()
    _let_in(found, now)
    count_request(found.id, found.rate_per_minute)
    _note_use(found, now)


def answer_by_key(answer: Callable[[], Any]) -> Any:
    """Return ``answer()``. If it is an error, and the key has changed since it was remembered, return it anew.

    So each change of a key holds from the next request on, in every process.

    Raises:
        Problem: as ``answer``, or as ``authenticate``.
    """
    try:
        return answer()
    except FactChanged:
        _renew()
    except (Problem, HTTPException):
        if not _renew():
            raise
    return answer()


def fact() -> Fact | None:
    """Return what the current request rests on if its key is remembered, and was not read."""
    return caller().fact if g.is_key_remembered else None


def _renew() -> bool:
    """Read the key of the request if it was remembered. Return True if it has changed since."""
    if not g.is_key_remembered:
        return False
    g.is_key_remembered, before = False, caller()
    _let_in(_find(), utcnow())
    if caller().text == before.text:
        return False
    count_request(caller().id, caller().rate_per_minute)
    return True


def _find() -> Caller:
    found = find(g.sent_key)
    if found is None:
        raise Problem(401, "This API key is unknown or was revoked.", headers=_challenge(INVALID))
    return found


def _let_in(found: Caller, now: datetime) -> None:
    """Let the request act as ``found`` unless the key, or the text that was sent, is at its end."""
    if detail := ended(found, g.sent_key, now):
        raise Problem(401, detail, headers=_challenge(INVALID))
    g.caller = found
    audit.act_as(actor(found, g.sent_key))


def actor(found: Caller, sent: str) -> str:
    """Return who acts, for the log and the audit log."""
    return f"key {found.older_prefix if is_older(found, sent) else found.prefix}…"


def ended(found: Caller, sent: str, now: datetime) -> str | None:
    """Return what to say if the key, or the text with the digest ``sent``, is at its end."""
    if found.expires_at is not None and found.expires_at <= now:
        return f"This API key expired on {found.expires_at:%Y-%m-%d %H:%M} UTC. Use another key, or set a later end."
    if is_older(found, sent) and (found.older_expires_at is None or found.older_expires_at <= now):
        return f"This API key was rolled, and its old text has ended. Use the new text, {found.prefix}…."
    return None


def is_older(found: Caller, sent: str) -> bool:
    """Return True if ``sent`` is the digest of the text that the key had before it was rolled."""
    return found.digest != sent


def is_use_due(found: Caller, sent: str, now: datetime) -> bool:
    """Return True if it is time to store a use of the key. Its older text has a time of its own."""
    before = found.older_used_at if is_older(found, sent) else found.last_used_at
    return before is None or now - before >= LAST_USED_PRECISION


def _challenge(*hints: str) -> dict[str, str]:
    """Return the header that says how to send a key, and what was wrong with the one that was sent."""
    return {"WWW-Authenticate": ", ".join([CHALLENGE, *hints])}


def _note_use(used: Caller, now: datetime) -> None:
    """Store when and from where the key was last used, at most once a minute, so that it doesn't slow down publishing.

    Reading goes on while nothing can be written to the database. The old text of a key that was rolled has a time of
    its own, which tells whether a program still uses it.
    """
    if is_use_due(used, g.sent_key, now):
        values = {"last_used_at": now, "last_used_from": request.remote_addr}
        statement = update(ApiKey).where(ApiKey.id == used.id)
        write_aside(statement.values(values | ({"older_used_at": now} if is_older(used, g.sent_key) else {})))
