"""Sessions: begun by a sign-in, and ended by signing out, by others, or by time. The caller owns the transaction."""

import secrets
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import JSON, ColumnElement, and_, bindparam, delete, func, select, update

from webhooks_ui.database import db, write_aside
from webhooks_ui.database.statements import Query
from webhooks_ui.models import Person, Setting, SignInMethod, User, UserSession, utcnow
from webhooks_ui.models.api_key import digest
from webhooks_ui.models.setting import DEFAULTS, SECOND_FACTOR_RULE, read
from webhooks_ui.models.user_session import USER_AGENT_MAX_CHARACTERS

IDLE_FOR = timedelta(hours=12)
LONGEST = timedelta(days=7)
SEEN_PRECISION = timedelta(minutes=1)
TOKEN_BYTES = 32


class PresentSession(NamedTuple):
    """What each page needs to know of the session that it is shown in."""

    id: int
    two_factors: bool
    created_at: datetime
    last_seen_at: datetime
    stored_rule: Any  # SECOND_FACTOR_RULE, as the table has it
    person: Person

    @property
    def lacks_second_factor(self) -> bool:
        return not self.two_factors and self.person.role in read(SECOND_FACTOR_RULE, self.stored_rule)


def _lasts_between(begun_after: Any, used_after: Any, begun_before: Any, used_before: Any) -> ColumnElement[bool]:
    """Return the condition for sessions that began, and were used, between these times.

    One from the far future was begun while the clock was wrong, and would last for years.
    """
    return and_(
        *(UserSession.created_at > begun_after, UserSession.created_at < begun_before),
        *(UserSession.last_seen_at > used_after, UserSession.last_seen_at < used_before),
    )


_SAVED_RULE = select(Setting.value).where(Setting.name == SECOND_FACTOR_RULE).scalar_subquery()
_OWN: list[Any] = [
    *(UserSession.id, UserSession.two_factors, UserSession.created_at, UserSession.last_seen_at),
    func.coalesce(_SAVED_RULE, bindparam("never_saved", DEFAULTS[SECOND_FACTOR_RULE], JSON)),  # null of JSON is no NULL
]
_FIND = Query(
    select(*_OWN, *(getattr(User, name) for name in Person._fields))
    .join(UserSession.user)
    .where(UserSession.digest == bindparam("digest"), User.deactivated_at.is_(None))
    .where(_lasts_between(*map(bindparam, ("begun_after", "used_after", "begun_before", "used_before"))))
)


def start(user: User, method: SignInMethod, *, two_factors: bool, address: str | None, user_agent: str) -> str:
    """Begin a session. Return its token, which only the browser keeps."""
    token = secrets.token_urlsafe(TOKEN_BYTES)
    agent = "".join(character for character in user_agent if character.isprintable())
    row = UserSession(user_id=user.id, digest=digest(token), method=method, two_factors=two_factors, address=address)
    row.user_agent = agent[:USER_AGENT_MAX_CHARACTERS]
    user.last_seen_at = utcnow()
    db.session.add(row)
    return token


def renew(token: str) -> str | None:
    """Give the session with ``token`` a new one, which is returned. The old one opens nothing any more.

    Return ``None`` if the session has ended. Else it lasts until the transaction ends.
    """
    new = secrets.token_urlsafe(TOKEN_BYTES)
    renewed = update(UserSession).where(UserSession.digest == digest(token)).values(digest=digest(new))
    return new if db.session.execute(renewed.returning(UserSession.id)).first() else None


def find(token: str) -> PresentSession | None:
    """Return the session with ``token``, or ``None`` if it ended."""
    rows = _FIND.rows(db.session.connection(), {"digest": digest(token), **_times()})
    return _session_of(rows[0]) if rows else None


def _session_of(values: tuple[Any, ...]) -> PresentSession:
    return PresentSession._make((*values[: len(_OWN)], Person._make(values[len(_OWN) :])))


def note_use(session: PresentSession) -> None:
    """Store when the session was last used, at most once a minute.

    Pages can be read while nothing can be written to the database.
    """
    now = utcnow()
    if now - session.last_seen_at >= SEEN_PRECISION:
        write_aside(  # the user first, as all others lock them, so that no deadlock can occur
            update(User).where(User.id == session.person.id).values(last_seen_at=now),
            update(UserSession).where(UserSession.id == session.id).values(last_seen_at=now),
        )


def of(user: User) -> list[UserSession]:
    """Return the sessions of ``user`` that last, the last used one first."""
    query = select(UserSession).where(UserSession.user_id == user.id, _lasts())
    return list(db.session.scalars(query.order_by(UserSession.last_seen_at.desc(), UserSession.id.desc())))


def end(token: str) -> None:
    """End the session with ``token``, if there is one."""
    db.session.execute(delete(UserSession).where(UserSession.digest == digest(token)))


def end_all(user: User, *, but: str | None = None) -> int:
    """End all sessions of ``user``, except the one with the token ``but``. Return how many there were."""
    condition = UserSession.user_id == user.id
    if but:
        condition &= UserSession.digest != digest(but)
    gone = db.session.execute(delete(UserSession).where(condition).returning(UserSession.id))
    return len(gone.all())


def have_ended() -> ColumnElement[bool]:
    """Return the condition for sessions that ended by time, whose rows may go."""
    return ~_lasts()


def _lasts() -> ColumnElement[bool]:
    return _lasts_between(**_times())


def _times() -> dict[str, datetime]:
    now = utcnow()
    since = {"used_after": now - IDLE_FOR, "begun_after": now - LONGEST}
    return since | {"used_before": now + IDLE_FOR, "begun_before": now + LONGEST}
