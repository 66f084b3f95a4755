"""How many events of each type there were, and how many of their deliveries failed or wait."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import bindparam, func, select

from webhooks_ui.database import db, dialect
from webhooks_ui.deliveries.ids_by_time import CLOCK_SLACK, first_id_at
from webhooks_ui.models import Delivery, DeliveryStatus, Event, Setting, TypeTotal, utcnow
from webhooks_ui.models.delivery import UNSETTLED

COUNTED_TO = "types_counted_to"  # the setting with the highest id of an event that the chore count_types has counted
LATE = timedelta(minutes=5)  # the chore counts each minute what is older than a minute
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

    Events are as of the last run of the chore ``count_types``, failed and pending deliveries as of now.

    Args:
        environment: Empty: all.
    """
    found: dict[str, TypeCounts] = {}
    counted = func.sum(TypeTotal.events), func.sum(TypeTotal.deliveries)
    query = select(TypeTotal.type, *counted).where(TypeTotal.hour >= since).group_by(TypeTotal.type)
    if environment:
        query = query.where(TypeTotal.environment == environment)
    for type, events, deliveries in db.session.execute(query):
        found[type] = TypeCounts(type, int(events), int(deliveries))
    is_cut = False
    for status in (DeliveryStatus.FAILED, DeliveryStatus.PENDING):
        counts, was_cut = _unsettled(status, environment, since)
        is_cut = is_cut or was_cut
        for type, count in counts.items():
            found.setdefault(type, TypeCounts(type)).statuses[status] = count
    ordered = sorted(found.values(), key=lambda counts: (-counts.events, counts.type))
    return Types(ordered, _counted_until(), is_cut)


def _unsettled(status: str, environment: str, since: datetime) -> tuple[dict[str, int], bool]:
    """Return how many deliveries of each type have ``status``, and whether only the newest were counted."""
    literal = Delivery.status == bindparam(None, status, literal_execute=True)  # a parameter would use no partial index
    has_status = dialect(db.engine).by_partial_index(UNSETTLED, literal)
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


def _counted_until() -> datetime | None:
    place = db.session.scalar(select(Setting.value).where(Setting.name == COUNTED_TO)) or 0
    first = select(Event.created_at).where(Event.id > place).order_by(Event.id).limit(1)
    created_at = db.session.scalar(first)
    return created_at if created_at and created_at < utcnow() - LATE else None
