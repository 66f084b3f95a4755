"""The rows of the delivery log. They are made faster than ``Delivery`` objects."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Select, select

from webhooks_ui.database import db, dialect
from webhooks_ui.database.statements import Query
from webhooks_ui.models import Delivery, Event, Webhook
from webhooks_ui.models.delivery import next_attempt_of, shown_status_of


class RowEvent(NamedTuple):
    public_id: str


class _Webhook(NamedTuple):
    name: str
    environment: str
    active: bool
    deleted_at: datetime | None
    retry_schedule: str | None
    retry_delays: list[int] | None
    breaker_opened_at: datetime | None
    probe_at: datetime | None
    throttled_until: datetime | None
    paced_until: datetime | None
    unreadable_at: datetime | None


class RowWebhook(_Webhook):
    __slots__ = ()
    is_throttled: Any = Webhook.is_throttled
    is_paced: Any = Webhook.is_paced


class _Delivery(NamedTuple):
    id: int
    webhook_id: int
    event_type: str
    environment: str
    trigger: str
    status: str
    due_at: datetime | None
    lease_token: str | None
    forced: bool
    attempts_count: int
    attempts_allowed: int | None
    throttled_count: int
    in_order: bool
    response_code: int | None
    outcome: str | None
    duration_ms: int | None
    last_attempt_at: datetime | None
    created_at: datetime
    webhook: RowWebhook
    event: RowEvent


class Row(_Delivery):
    """What the log shows of a delivery, under the names that ``Delivery`` has for it."""

    __slots__ = ()
    is_under_way: Any = Delivery.is_under_way
    is_left_behind: Any = Delivery.is_left_behind
    is_final: Any = Delivery.is_final
    shown_status = property(shown_status_of)
    next_attempt_at = property(next_attempt_of)


Shown = Delivery | Row  # what templates and answers show in the same way

_OWN = Row._fields[:-2]
_END = len(_OWN) + len(RowWebhook._fields)
_COLUMNS = (
    *(getattr(Delivery, name) for name in _OWN),
    *(getattr(Webhook, name) for name in RowWebhook._fields),
    *(getattr(Event, name) for name in RowEvent._fields),
)


def select_rows() -> Select[Any]:
    """Return a SELECT for ``read``, without conditions.

    Outer joins keep the database from beginning with another table.
    """
    return select(*_COLUMNS).outerjoin(Delivery.webhook).outerjoin(Delivery.event)


def read(query: Select[Any]) -> list[Row]:
    """Return the rows of ``query``, which ``select_rows`` made."""
    return [_row(tuple(values)) for values in db.session.execute(query)]


def of_ids(ids: Sequence[int]) -> list[Row]:
    """Return the rows with these ids, in their order. One that was deleted a moment ago is missing."""
    found = {values[0]: values for values in _OF_IDS.rows(db.session.connection(), {"ids": ids})} if ids else {}
    return [_row(found[id]) for id in ids if id in found]


_OF_IDS = Query(lambda connection: select_rows().where(dialect(connection).among_bound(Delivery.id)))


def _row(values: tuple[Any, ...]) -> Row:
    webhook, event = RowWebhook._make(values[len(_OWN) : _END]), RowEvent._make(values[_END:])
    return Row._make((*values[: len(_OWN)], webhook, event))
