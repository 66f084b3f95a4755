"""Checks the API key of a request, its scope and its rate."""

from datetime import datetime, timedelta
from typing import NamedTuple

from flask import g, request
from sqlalchemy import bindparam, or_, select, update

from webhooks_ui import audit
from webhooks_ui.api.rate import count_request
from webhooks_ui.database import single_query, write_aside
from webhooks_ui.database.statements import Query
from webhooks_ui.models import ApiKey, Scope, utcnow
from webhooks_ui.models.api_key import digest
from webhooks_ui.web.problem import Problem

LAST_USED_PRECISION = timedelta(minutes=1)
CHALLENGE = 'Bearer realm="KeyManager Webhooks"'
INVALID = 'error="invalid_token"'  # this and the next error: RFC 6750, section 3.1


class Caller(NamedTuple):
    """The columns of a request's key that the API needs."""

    id: int
    digest: str
    prefix: str
    environment: str
    scopes: list[str]
    rate_per_minute: int
    expires_at: datetime | None
    last_used_at: datetime | None
    older_prefix: str | None
    older_expires_at: datetime | None
    older_used_at: datetime | None


_keys = ApiKey.__table__.c
_sent = bindparam("digest", type_=_keys.digest.type)
_FIND = Query(
    select(*(_keys[name] for name in Caller._fields)).where(
        or_(_keys.digest == _sent, _keys.older_digest == _sent), _keys.revoked_at.is_(None)
    )
)


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

    Raises:
        Problem: 401 if the key is missing, unknown, revoked or at its end, or 429 if it is over its rate.
    """
    authorization = request.authorization
    if authorization is None or authorization.type != "bearer" or not authorization.token:
        raise Problem(401, "Send an API key: Authorization: Bearer km_…", headers=_challenge())
    sent, now = digest(authorization.token), utcnow()
    g.caller = _find(sent)
    is_older = g.caller.digest != sent
    _check_end(g.caller, is_older, now)
    audit.act_as(f"key {g.caller.older_prefix if is_older else g.caller.prefix}…")
    count_request(g.caller.id, g.caller.rate_per_minute)
    _note_use(g.caller, is_older, now)


def _find(sent: str) -> Caller:
    with single_query() as connection:
        found = _FIND.rows(connection, {"digest": sent})
    if not found:
        raise Problem(401, "This API key is unknown or was revoked.", headers=_challenge(INVALID))
    return Caller(*found[0])


def _check_end(found: Caller, is_older: bool, now: datetime) -> None:
    if found.expires_at is not None and found.expires_at <= now:
        detail = f"This API key expired on {found.expires_at:%Y-%m-%d %H:%M} UTC. Use another key, or set a later end."
        raise Problem(401, detail, headers=_challenge(INVALID))
    if is_older and (found.older_expires_at is None or found.older_expires_at <= now):
        detail = f"This API key was rolled, and its old text has ended. Use the new text, {found.prefix}…."
        raise Problem(401, detail, headers=_challenge(INVALID))


def _challenge(*hints: str) -> dict[str, str]:
    """Return the header that says how to send a key, and what was wrong with the one that was sent."""
    return {"WWW-Authenticate": ", ".join([CHALLENGE, *hints])}


def _note_use(used: Caller, is_older: bool, now: datetime) -> None:
    """Store when and from where the key was last used, at most once a minute, so that it doesn't slow down publishing.

    Reading goes on while nothing can be written to the database.
    The old text of a key that was rolled has a time of its own, which tells whether a program still uses it.
    """
    before = used.older_used_at if is_older else used.last_used_at
    if before is None or now - before >= LAST_USED_PRECISION:
        values = {"last_used_at": now, "last_used_from": request.remote_addr}
        statement = update(ApiKey).where(ApiKey.id == used.id)
        write_aside(statement.values(values | ({"older_used_at": now} if is_older else {})))
