"""The event types that super admins add to the catalogue. Each change is recorded in the audit log.

The callers own the transaction.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import String, bindparam, select
from sqlalchemy import delete as delete_from
from sqlalchemy.exc import IntegrityError
from werkzeug.exceptions import NotFound

from webhooks_ui import audit
from webhooks_ui.database import after_commit, db, dialect, write_transaction
from webhooks_ui.events import catalogue
from webhooks_ui.events.types import EventType
from webhooks_ui.models import OwnEventType, Subscription, Webhook
from webhooks_ui.models.webhook_state import IS_LIVE

FIELDS = ("description", "example", "schema", "check")


def get(name: str, *, lock: bool = False) -> OwnEventType:
    """Return the own type with this name. With ``lock``, lock its row until the transaction ends.

    Raises:
        werkzeug.exceptions.NotFound: There is none, or the type is built in.
    """
    query = select(OwnEventType).where(OwnEventType.name == name)
    found: OwnEventType | None = db.session.scalar(query.with_for_update() if lock else query)
    if found is None:
        raise NotFound
    return found


def add(fields: dict[str, Any]) -> bool:
    """Add a type, and subscribe the webhooks that want its whole group. Return False if there is one with this name."""
    type = OwnEventType(**fields)
    try:
        with db.session.begin_nested():
            db.session.add(type)
    except IntegrityError:
        return False
    audit.record("event_type.created", "event_type", type.id, type.name, after=_shown(type))
    db.session.execute(_to_type(), _names(type))
    after_commit(complete_groups)
    return True


def complete_groups() -> None:
    """Subscribe the webhooks that want a whole group to those of its types that they lack.

    Who adds a type and who saves a webhook at the same moment don't see each other's rows. So both do this after their
    commit, and the later one sees all.
    """
    catalogue.forget()  # this request may have read the types before the other one added its own
    if types := catalogue.own_types().values():
        names = [_names(type) for type in types]
        with write_transaction() as connection:
            connection.execute(_to_type(), names)


def _to_type() -> Any:
    """Return the INSERT that subscribes the webhooks that want the group of a type to this type: see ``_names``."""
    want = select(Subscription.webhook_id, bindparam("type", type_=String)).where(
        Subscription.event_type == bindparam("group")
    )
    row = dialect(db.engine).insert(Subscription.__table__).from_select(["webhook_id", "event_type"], want)
    return row.on_conflict_do_nothing()


def _names(type: OwnEventType | EventType) -> dict[str, str]:
    return {"type": type.name, "group": catalogue.group_of(type.category)}


def edit(type: OwnEventType, fields: dict[str, Any]) -> None:
    """Change everything but the name, which events and subscriptions refer to."""
    before = _shown(type)
    for name in FIELDS:
        setattr(type, name, fields[name])
    if (after := _shown(type)) != before:
        audit.record("event_type.updated", "event_type", type.id, type.name, before, after)


def delete(type: OwnEventType) -> None:
    """Remove the type and the subscriptions to it, and to its group if it was the last one there.

    Its events and deliveries stay in the log.
    """
    audit.record("event_type.deleted", "event_type", type.id, type.name, before=_shown(type))
    ended = [type.name]
    if [member.name for member in catalogue.categories().get(type.category, ())] == [type.name]:
        ended.append(catalogue.group_of(type.category))
    db.session.execute(delete_from(Subscription).where(Subscription.event_type.in_(ended)))
    db.session.delete(type)


def subscribed(type: OwnEventType) -> Sequence[Webhook]:
    """Return the webhooks that are subscribed to the type, by name."""
    query = select(Webhook).where(IS_LIVE, Webhook.subscriptions.any(Subscription.event_type == type.name))
    return db.session.scalars(query.order_by(Webhook.name_key)).all()


def _shown(type: OwnEventType) -> dict[str, Any]:
    return {name: getattr(type, name) for name in FIELDS} | {"example": catalogue.example_text(type.example)}
