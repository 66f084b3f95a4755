"""The payloads of test events that admins save to send them again. All admins see and use them.

The callers own the transactions.
"""

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import defer, joinedload

from webhooks_ui import audit
from webhooks_ui.database import db
from webhooks_ui.models import Person, Role, SavedPayload
from webhooks_ui.models.saved_payload import NAME_MAX_CHARACTERS

PAYLOADS_MAX = 100


class Refused(ValueError):
    """The payload can't be saved. The message is a sentence that names the fix."""


def everything() -> Sequence[SavedPayload]:
    """Return all saved payloads by type and name, without their data."""
    query = select(SavedPayload).options(joinedload(SavedPayload.author), defer(SavedPayload.data))
    return db.session.scalars(query.order_by(SavedPayload.event_type, SavedPayload.name)).all()


def get(payload_id: int, *, lock: bool = False) -> SavedPayload | None:
    return db.session.get(SavedPayload, payload_id, with_for_update=lock, populate_existing=lock)


def save(event_type: str, name: str, data: str, user_id: int) -> SavedPayload:
    """Save the data of a test event, which the caller has checked, under a name.

    Raises:
        Refused: The name is missing, too long or taken, or there is no room.
    """
    if not name:
        raise Refused("Give the payload a name, such as: Limit reached, EMEA customer.")
    if len(name) > NAME_MAX_CHARACTERS:
        raise Refused(f"The name can have at most {NAME_MAX_CHARACTERS} characters.")
    if (db.session.scalar(select(func.count(SavedPayload.id))) or 0) >= PAYLOADS_MAX:
        raise Refused(f"{PAYLOADS_MAX} payloads are saved, which is the most. Delete one first.")
    payload = SavedPayload(event_type=event_type, name=name, data=data, user_id=user_id)
    try:
        with db.session.begin_nested():
            db.session.add(payload)
    except IntegrityError:
        raise Refused(f"{event_type} has a saved payload with this name already. Choose another name.") from None
    _record("saved", payload)
    return payload


def may_delete(payload: SavedPayload, user: Person) -> bool:
    """Return True if that person saved it, or may change what others left behind."""
    return payload.user_id == user.id or user.role == Role.SUPER_ADMIN


def delete(payload: SavedPayload) -> None:
    _record("deleted", payload)
    db.session.delete(payload)


def _record(what: str, payload: SavedPayload) -> None:
    fields = {"type": payload.event_type}
    before, after = (None, fields) if what == "saved" else (fields, None)
    audit.record(f"test_payload.{what}", "test_payload", payload.id, payload.name, before, after)
