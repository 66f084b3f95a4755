"""What an inspector keeps of the requests that it gets: so much that a page shows all, and a flood fills nothing."""

import json
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, delete, func, insert, select

from webhooks_ui.database import db
from webhooks_ui.models import InspectedRequest, Inspector, secret_box, utcnow

REQUESTS_MAX = 100  # kept for each inspector. Older ones go
BODY_MAX_BYTES = 256 * 1024  # of one request, as much as an event may have
BODIES_MAX_BYTES = 8 * 1024 * 1024  # of all requests of an inspector
HEAD_MAX_CHARACTERS = 16 * 1024  # of the query and the headers together


class Head(NamedTuple):
    """What comes before the body."""

    query: str
    headers: Sequence[tuple[str, str]]
    left_out: int  # headers for which there was no room
    address: str  # of the client

    @property
    def by_name(self) -> dict[str, str]:
        """The headers, with names in small letters."""
        return {name.lower(): value for name, value in self.headers}


class Answer(NamedTuple):
    """What an inspector answers. ``was_busy``: not as it was set, because too many answers waited."""

    code: int
    delay_seconds: int
    retry_after_seconds: int | None
    body: str
    was_busy: bool = False


def head_of(query: str, headers: Sequence[tuple[str, str]], address: str) -> Head:
    """Return what is kept of the query and the headers."""
    query = query[:HEAD_MAX_CHARACTERS]
    kept: list[tuple[str, str]] = []
    room = HEAD_MAX_CHARACTERS - len(query)
    for name, value in headers:
        room -= len(name) + len(value)
        if room < 0:
            break
        kept.append((name, value))
    return Head(query, kept, len(headers) - len(kept), address)


def keep(connection: Connection, inspector_id: int, method: str, head: Head, body: bytes, answer: Answer) -> int | None:
    """Store a request and its answer, and delete what there is no room for any more.

    Return its id, or ``None`` if the inspector was deleted meanwhile. The caller owns the transaction.
    """
    lock = select(Inspector.id).where(Inspector.id == inspector_id).with_for_update()
    if connection.execute(lock).first() is None:
        return None
    row = {
        "inspector_id": inspector_id,
        "received_at": utcnow(),
        "method": method,
        "head_encrypted": secret_box.encrypt(json.dumps(head)),
        "body": body[:BODY_MAX_BYTES],
        "body_bytes": len(body),
        "code": answer.code,
        "delay_seconds": answer.delay_seconds,
        "was_busy": answer.was_busy,
    }
    id = connection.scalar(insert(InspectedRequest).values(row).returning(InspectedRequest.id))
    _make_room(connection, inspector_id)
    return id


def newest(inspector: Inspector, than: int = 0) -> Sequence[InspectedRequest]:
    """Return the requests that came after the one with the id ``than``, the newest first."""
    query = select(InspectedRequest).where(InspectedRequest.inspector_id == inspector.id, InspectedRequest.id > than)
    return db.session.scalars(query.order_by(InspectedRequest.id.desc()).limit(REQUESTS_MAX)).all()


def get(inspector: Inspector, request_id: int) -> InspectedRequest | None:
    """Return a request that this inspector got, if it is still there."""
    found: InspectedRequest | None = db.session.scalar(
        select(InspectedRequest).where(InspectedRequest.inspector_id == inspector.id, InspectedRequest.id == request_id)
    )
    return found


def opened(request: InspectedRequest) -> Head | None:
    """Return the head of a request, or ``None`` if none of ENCRYPTION_KEYS can decrypt it."""
    try:
        query, headers, left_out, address = json.loads(secret_box.decrypt_once(request.head_encrypted))
    except secret_box.Undecryptable:
        return None
    return Head(query, [(name, value) for name, value in headers], left_out, address)


def _make_room(connection: Connection, inspector_id: int) -> None:
    rows = select(InspectedRequest.id, func.length(InspectedRequest.body).label("size"))
    rows = rows.where(InspectedRequest.inspector_id == inspector_id).order_by(InspectedRequest.id.desc())
    total = 0
    for place, row in enumerate(connection.execute(rows).all(), 1):
        total += row.size
        if place > REQUESTS_MAX or total > BODIES_MAX_BYTES:
            too_old = InspectedRequest.inspector_id == inspector_id, InspectedRequest.id <= row.id
            connection.execute(delete(InspectedRequest).where(*too_old))
            return
