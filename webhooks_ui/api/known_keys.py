"""What a process remembers of API keys, so that a publication needs no query for its key.

It is remembered as facts (see ``database.facts``): nothing is published by a key that has changed since.
"""

from datetime import datetime
from typing import NamedTuple

from flask import current_app
from sqlalchemy import BigInteger, Text, bindparam, column, or_, select, table

from webhooks_ui.database import single_query
from webhooks_ui.database.facts import ANSWER, Fact, Question, row_text
from webhooks_ui.database.statements import Query
from webhooks_ui.models import ApiKey

KEYS_MAX = 1_024


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
    text: str  # differs after each change that matters, which the last use doesn't

    @property
    def fact(self) -> Fact:
        """That the key is as it was read."""
        return Fact(_WHAT, (self.id, self.text))


_keys = ApiKey.__table__.c
_text = row_text(*(column for name, column in _keys.items() if not name.endswith(("used_at", "used_from"))))
_sent = bindparam("digest", type_=_keys.digest.type)
_FIND = Query(
    select(*(_keys[name] for name in Caller._fields if name in _keys), _text).where(
        or_(_keys.digest == _sent, _keys.older_digest == _sent), _keys.revoked_at.is_(None)
    )
)
_known = table("known_keys", column("id", BigInteger), column(ANSWER, Text))
_WHAT = Question(_known, select(_text).where(_keys.id == _known.c.id))


def find(digest: str) -> Caller | None:
    """Read the key whose present or older text has this digest, unless it was revoked. Remember it."""
    with single_query() as connection:
        rows = _FIND.rows(connection, {"digest": digest})
    known = _remembered()
    if not rows:
        known.pop(digest, None)
        return None
    if len(known) >= KEYS_MAX:
        known.clear()
    found = known[digest] = Caller(*rows[0])
    return found


def remembered(digest: str) -> Caller | None:
    """Return what ``find`` returned the last time, if it is remembered. It may have changed since."""
    return _remembered().get(digest)


def _remembered() -> dict[str, Caller]:
    known: dict[str, Caller] = current_app.extensions.setdefault("known_keys", {})
    return known
