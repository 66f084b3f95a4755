"""Sends missed events: those that a webhook has no delivery of, because it was inactive or not subscribed."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, exists, func, insert, select

from webhooks_ui.database import db
from webhooks_ui.deliveries.changes import new_delivery
from webhooks_ui.deliveries.ids_by_time import CLOCK_SLACK, first_id_at, highest_id
from webhooks_ui.events import strict_json
from webhooks_ui.events.conditions import Filter
from webhooks_ui.events.operational import OPERATIONAL, is_about
from webhooks_ui.events.selection import fields_text
from webhooks_ui.models import Delivery, DeliveryTrigger, Event, Webhook, utcnow
from webhooks_ui.models.webhook_state import IS_LIVE

WINDOW_EVENTS = 5_000


@dataclass(frozen=True)
class Missed:
    """The events of some types in a time range that the webhook has no delivery of."""

    webhook_id: int
    environment: str
    event_types: tuple[str, ...]
    since: str  # ISO 8601 with a time zone
    until: str  # ISO 8601 with a time zone
    filter: Mapping[str, Any] | None = None  # as ``Webhook.filter``. Events that it keeps back aren't among them

    @classmethod
    def of(cls, webhook: Webhook, since: datetime, until: datetime, *, kept_back: bool = False) -> "Missed":
        """Return the events that the webhook missed in a time range.

        Args:
            kept_back: whether those that its filter keeps back are among them.
        """
        filter = None if kept_back else webhook.filter
        times = since.isoformat(), until.isoformat()
        return cls(webhook.id, webhook.environment, tuple(webhook.event_types), *times, filter)

    @classmethod
    def parse(cls, fields: Mapping[str, Any]) -> "Missed":
        """Return the object that ``as_json`` describes.

        Raises:
            KeyError, TypeError, ValueError: ``fields`` are others, since a person wrote them into a row.
        """
        made = cls(**{**fields, "event_types": tuple(fields["event_types"])})
        if not isinstance(made.webhook_id, int) or not all(isinstance(name, str) for name in made.event_types):
            raise TypeError("The webhook is a number, and types are texts.")
        if not all(datetime.fromisoformat(at).tzinfo for at in (made.since, made.until)):
            raise ValueError("The times need a zone.")
        return made

    @property
    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def ids(self) -> tuple[int, int]:
        """The range of event ids that holds all of them. Both ends are exclusive."""
        first = first_id_at(Event, datetime.fromisoformat(self.since) - CLOCK_SLACK)
        return first - 1, highest_id(Event) + 1


def next_missed(missed: Missed, place: int, end: int, limit: int) -> tuple[list[tuple[int, str]], int | None]:
    """Return the ids and types of the next missed events above ``place``, and the next place.

    The next place is ``None`` once ``end`` is reached.
    """
    window = min(place + WINDOW_EVENTS, end)
    rows = db.session.execute(_query(missed, place, window).limit(limit)).all()
    events = [(row.id, row.type) for row in rows if _passes(missed, row.id, row.type)]
    if len(rows) == limit:
        return events, rows[-1].id
    return events, window if window < end else None


def count_missed(missed: Missed, seconds: float) -> tuple[int, bool]:
    """Count the missed events. Return the count, and False if ``seconds`` weren't enough to count all of them."""
    give_up_at = time.monotonic() + seconds
    place, end = missed.ids
    total = 0
    while place < end:
        if time.monotonic() > give_up_at:
            return total, False
        window = min(place + WINDOW_EVENTS, end)
        found = _query(missed, place, window).order_by(None).subquery()
        if missed.filter is None and not OPERATIONAL.keys() & set(missed.event_types):
            total += db.session.scalar(select(func.count()).select_from(found)) or 0
        else:
            rows = db.session.execute(select(found.c.id, found.c.type)).all()
            total += sum(_passes(missed, row.id, row.type) for row in rows)
        place = window
    return total, True


def send_missed(
    connection: Connection, missed: Missed, events: Sequence[tuple[int, str]], bulk_action_id: int | None = None
) -> int:
    """Make a pending delivery of each of ``events`` that still has none. Return how many were made.

    None are made for a webhook that was deleted, or moved to another environment.
    """
    # The lock makes another transaction that does the same for this webhook wait for our commit.
    alive = (
        select(Webhook.in_order, Webhook.fields)
        .where(Webhook.id == missed.webhook_id, Webhook.environment == missed.environment, IS_LIVE)
        .with_for_update(key_share=True)
    )
    if not events or (webhook := connection.execute(alive).first()) is None:
        return 0
    ids = [event_id for event_id, _ in events]
    left = select(Event.id).where(Event.id.in_(ids)).order_by(Event.id)  # a purge may have deleted others meanwhile
    kept = set(connection.scalars(left.with_for_update(read=True, key_share=True)))
    query = select(Delivery.event_id).where(Delivery.event_id.in_(ids), Delivery.webhook_id == missed.webhook_id)
    there = set(connection.execute(query).scalars())
    now = utcnow()
    rows = [
        new_delivery(
            id,
            type,
            missed.webhook_id,
            missed.environment,
            now,
            trigger=DeliveryTrigger.MISSED,
            in_order=webhook.in_order,
            fields=fields_text(webhook.fields),
            bulk_action_id=bulk_action_id,
        )
        for id, type in events
        if id in kept - there
    ]
    if rows:
        connection.execute(insert(Delivery), rows)
    return len(rows)


def _passes(missed: Missed, event_id: int, event_type: str) -> bool:
    """Return True if the webhook would have got the event. Bodies are read one by one, because each may be large."""
    filter = Filter.parse(missed.filter)
    if filter is None and event_type not in OPERATIONAL:
        return True
    body = db.session.scalar(select(Event.body).where(Event.id == event_id))
    if body is None:
        return False
    data = strict_json.load_members(body)["data"].value
    if event_type in OPERATIONAL and is_about(data, missed.webhook_id):
        return False
    return filter is None or filter.passes(data)


def _query(missed: Missed, place: int, window: int) -> Select[int, str]:
    return (
        select(Event.id, Event.type)
        .where(
            Event.id > place,
            Event.id <= window,
            func.coalesce(Event.environment, "") == missed.environment,  # keeps SQLite from using its index and sorting
            Event.type.in_(missed.event_types),
            Event.created_at.between(datetime.fromisoformat(missed.since), datetime.fromisoformat(missed.until)),
            ~exists().where(Delivery.event_id == Event.id, Delivery.webhook_id == missed.webhook_id),
        )
        .order_by(Event.id)
    )
