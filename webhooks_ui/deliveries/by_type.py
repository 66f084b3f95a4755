"""How many events of each type there were, and how many of their deliveries failed or wait."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Select, func, select

from webhooks_ui.database import db
from webhooks_ui.deliveries.ids_by_time import CLOCK_SLACK, first_id_at
from webhooks_ui.deliveries.search import is_unsettled
from webhooks_ui.models import Delivery, DeliveryStatus, Event, Setting, TypeTotal, utcnow
from webhooks_ui.models.setting import as_id

COUNTED_TO = "types_counted_to"  # the setting with the highest id of an event that the chore count_types has counted
LATE = timedelta(minutes=5)  # the chore counts each minute what is older than a minute
UNCOUNTED_MAX = 5_000  # events that are counted one by one, because the chore hasn't counted them yet
UNSETTLED_MAX = 20_000  # deliveries of a status that are counted, so that the page stays fast


@dataclass
class TypeCounts:
    """The events of a type, the deliveries that they made, and those that failed or wait by status."""

    type: str
    events: int = 0
    deliveries: int = 0
    statuses: Counter[str] = field(default_factory=Counter)

    @property
    def failed(self) -> int:
        return self.statuses[DeliveryStatus.FAILED]

    @property
    def pending(self) -> int:
        return self.statuses[DeliveryStatus.PENDING]


@dataclass(frozen=True)
class Types:
    """The counts of each type, the most frequent first."""

    counts: list[TypeCounts]
    counted_until: datetime | None  # the creation of the first event that should have been counted, but wasn't yet
    is_cut: bool  # whether only the newest failed or pending deliveries were counted


def count_types(environment: str, since: datetime) -> Types:
    """Count the events since a full hour, and which of their deliveries failed or wait.

    The chore ``count_types`` has counted most of them. The first ``UNCOUNTED_MAX`` after its last run are counted here,
    unless the chore is late.

    Args:
        environment: Empty: all.
    """
    found: dict[str, TypeCounts] = {}
    counted = func.sum(TypeTotal.events), func.sum(TypeTotal.deliveries)
    query = select(TypeTotal.type, *counted).where(TypeTotal.hour >= since).group_by(TypeTotal.type)
    if environment:
        query = query.where(TypeTotal.environment == environment)
    totals = db.session.execute(query).all()  # before the place, so that no event is counted twice
    place = as_id(db.session.scalar(select(Setting.value).where(Setting.name == COUNTED_TO))) or 0
    counted_until = _counted_until(place)
    rest = [] if counted_until else db.session.execute(_uncounted(place, environment, since)).all()
    for type, events, deliveries in (*totals, *rest):
        of_type = found.setdefault(type, TypeCounts(type))
        of_type.events += int(events)
        of_type.deliveries += int(deliveries)
    is_cut = False
    for status in (DeliveryStatus.FAILED, DeliveryStatus.PENDING):
        counts, was_cut = _unsettled(status, environment, since)
        is_cut = is_cut or was_cut
        for type, count in counts.items():
            found.setdefault(type, TypeCounts(type)).statuses[status] = count
    ordered = sorted(found.values(), key=lambda counts: (-counts.events, counts.type))
    return Types(ordered, counted_until, is_cut)


def _uncounted(place: int, environment: str, since: datetime) -> Select[str, int, int]:
    """Return the query for the events of each type that the chore hasn't counted yet, and their deliveries."""
    columns = Event.type, Event.deliveries_count, Event.environment, Event.created_at
    newest = select(*columns).where(Event.id > place).order_by(Event.id).limit(UNCOUNTED_MAX)
    event = newest.subquery().c
    query = select(event.type, func.count(), func.sum(event.deliveries_count)).where(event.created_at >= since)
    return (query.where(event.environment == environment) if environment else query).group_by(event.type)


def _unsettled(status: str, environment: str, since: datetime) -> tuple[dict[str, int], bool]:
    """Return how many deliveries of each type have ``status``, and whether only the newest were counted."""
    has_status = is_unsettled(status)
    lowest = first_id_at(Delivery, since - CLOCK_SLACK)
    ids = select(Delivery.id).where(has_status, Delivery.id >= lowest).order_by(Delivery.id.desc())
    cut_at = db.session.scalar(ids.offset(UNSETTLED_MAX).limit(1))
    query = select(Delivery.event_type, func.count()).where(
        has_status, Delivery.id > (lowest - 1 if cut_at is None else cut_at), Delivery.created_at >= since
    )
    if environment:
        query = query.where(Delivery.environment == environment)
    counts: dict[str, int] = dict(db.session.execute(query.group_by(Delivery.event_type)).all())
    return counts, cut_at is not None


def _counted_until(place: int) -> datetime | None:
    first = select(Event.created_at).where(Event.id > place).order_by(Event.id).limit(1)
    created_at = db.session.scalar(first)
    return created_at if created_at and created_at < utcnow() - LATE else None
