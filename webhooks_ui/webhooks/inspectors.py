"""Inspectors: private URLs that show their owner what they get, for trying before an endpoint exists.

Nobody but the owner sees an inspector. The callers own the transactions.
"""

import secrets
from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete as delete_from
from sqlalchemy import func, select, update
from werkzeug.exceptions import NotFound

from webhooks_ui import audit
from webhooks_ui.database import db
from webhooks_ui.models import IS_MEMBER, InspectedRequest, Inspector, User, Webhook, utcnow
from webhooks_ui.models.inspector import KEPT_FOR
from webhooks_ui.models.webhook_state import IS_LIVE

PATH = "/inspect/"  # of their URLs, which a token ends
INSPECTORS_MAX = 10  # of one person
TOKEN_BYTES = 24
FIELDS = ("name", "code", "delay_seconds", "retry_after_seconds", "body")


class TooMany(ValueError):
    """A person has as many inspectors as one may have. The message is a sentence."""


def of(user_id: int) -> Sequence[tuple[Inspector, int]]:
    """Return the inspectors of a person, the newest first, each with the number of its requests."""
    count = select(func.count()).where(InspectedRequest.inspector_id == Inspector.id).scalar_subquery()
    query = select(Inspector, count).where(Inspector.user_id == user_id, _is_live()).order_by(Inspector.id.desc())
    return [(inspector, number) for inspector, number in db.session.execute(query)]


def get(inspector_id: int, user_id: int, *, lock: bool = False) -> Inspector:
    """Return an inspector of this person. With ``lock``, lock its row until the transaction ends.

    Raises:
        werkzeug.exceptions.NotFound: There is none, it ended, or it belongs to somebody else.
    """
    query = select(Inspector).where(Inspector.id == inspector_id, Inspector.user_id == user_id, _is_live())
    found: Inspector | None = db.session.scalar(query.with_for_update() if lock else query)
    if found is None:
        raise NotFound
    return found


def find(token: str) -> Inspector | None:
    """Return the inspector with this token, if it has not ended and its owner may sign in."""
    if "\0" in token:  # PostgreSQL refuses it as a text
        return None
    query = select(Inspector).join(User, User.id == Inspector.user_id)
    found: Inspector | None = db.session.scalar(query.where(Inspector.token == token, _is_live(), IS_MEMBER))
    return found


def create(user_id: int, name: str) -> Inspector:
    """Add an inspector, which answers 200. Without a name it gets one with a number.

    Raises:
        TooMany: The person has ``INSPECTORS_MAX``.
    """
    db.session.execute(select(User.id).where(User.id == user_id).with_for_update())  # two requests may not both be last
    present = of(user_id)
    if len(present) >= INSPECTORS_MAX:
        raise TooMany(f"You have {INSPECTORS_MAX} inspectors, which is the most. Delete one first.")
    taken = {inspector.name for inspector, _ in present}
    names = (f"Inspector {number}" for number in range(1, INSPECTORS_MAX + 1))
    inspector = Inspector(user_id=user_id, token=secrets.token_urlsafe(TOKEN_BYTES))
    inspector.name = name or next(free for free in names if free not in taken)
    db.session.add(inspector)
    db.session.flush()
    audit.record("inspector.created", "inspector", inspector.id, inspector.name, after={"name": inspector.name})
    return inspector


def edit(inspector: Inspector, fields: dict[str, Any]) -> None:
    """Set ``FIELDS`` of an inspector."""
    for name in FIELDS:
        setattr(inspector, name, fields[name])


def looked_at(inspector: Inspector) -> Any:
    """Return the statement that notes that its owner looks at it."""
    return update(Inspector).where(Inspector.id == inspector.id).values(looked_at=utcnow())


def clear(inspector: Inspector) -> None:
    """Delete the requests that it got."""
    db.session.execute(delete_from(InspectedRequest).where(InspectedRequest.inspector_id == inspector.id))


def delete(inspector: Inspector) -> None:
    """Delete an inspector and the requests that it got. Its URL answers 404 from then on."""
    _remove(inspector, "deleted")


def end_old() -> None:
    """Delete the inspectors that nobody looked at for ``KEPT_FOR``, and all requests that are as old."""
    for inspector in db.session.scalars(select(Inspector).where(~_is_live()).with_for_update(skip_locked=True)).all():
        _remove(inspector, "ended")
    db.session.execute(delete_from(InspectedRequest).where(InspectedRequest.received_at < utcnow() - KEPT_FOR))


def pointing(inspector: Inspector) -> Sequence[Webhook]:
    """Return the webhooks that send to it, whatever the host in their URL."""
    is_there = Webhook.url.contains(f"{PATH}{inspector.token}", autoescape=True)
    return db.session.scalars(select(Webhook).where(IS_LIVE, is_there).order_by(Webhook.id)).all()


def _remove(inspector: Inspector, how: str) -> None:
    audit.record(f"inspector.{how}", "inspector", inspector.id, inspector.name, before={"name": inspector.name})
    db.session.execute(delete_from(Inspector).where(Inspector.id == inspector.id))  # the foreign key deletes the rest


def _is_live() -> Any:
    return Inspector.looked_at > utcnow() - KEPT_FOR
