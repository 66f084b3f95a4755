"""Checks the API key of a request and its rate."""

from datetime import datetime, timedelta
from typing import NamedTuple

from flask import g, request
from sqlalchemy import bindparam, select, update

from webhooks_ui import audit
from webhooks_ui.api.rate import count_request
from webhooks_ui.database import single_query, write_transaction
from webhooks_ui.models import ApiKey, utcnow
from webhooks_ui.models.api_key import digest
from webhooks_ui.web.problem import Problem

LAST_USED_PRECISION = timedelta(minutes=1)
CHALLENGE = 'Bearer realm="KeyManager Webhooks"'


class Caller(NamedTuple):
    """The columns of a request's key that the API needs."""

    id: int
    prefix: str
    environment: str
    rate_per_minute: int
    last_used_at: datetime | None


_keys = ApiKey.__table__.c
_FIND = select(*(_keys[name] for name in Caller._fields)).where(  # built once, because each request runs it
    _keys.digest == bindparam("digest"), _keys.revoked_at.is_(None)
)


def caller() -> Caller:
    """Return the key of the current request."""
    found: Caller = g.caller
    return found


def authenticate() -> None:
    """Accept the request if it has a valid key that is within its rate.

    Raises:
        Problem: 401 if the key is missing, unknown or revoked, or 429 if it is over its rate.
    """
    authorization = request.authorization
    if authorization is None or authorization.type != "bearer" or not authorization.token:
        raise _refused("Send an API key: Authorization: Bearer km_…")
    g.caller = _find(authorization.token)
    audit.act_as(f"key {g.caller.prefix}…")
    count_request(g.caller.id, g.caller.rate_per_minute)
    _note_use(g.caller)


def _find(key: str) -> Caller:
    with single_query() as connection:
        row = connection.execute(_FIND, {"digest": digest(key)}).one_or_none()
    if row is None:
        raise _refused("This API key is unknown or was revoked.", 'error="invalid_token"')
    return Caller(*row)


def _refused(detail: str, *hints: str) -> Problem:
    return Problem(401, detail, headers={"WWW-Authenticate": ", ".join([CHALLENGE, *hints])})


def _note_use(used: Caller) -> None:
    """Store when the key was last used, at most once a minute, so that it doesn't slow down publishing."""
    now = utcnow()
    if used.last_used_at is None or now - used.last_used_at >= LAST_USED_PRECISION:
        with write_transaction() as connection:
            connection.execute(update(ApiKey).where(ApiKey.id == used.id).values(last_used_at=now))
