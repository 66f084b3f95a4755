"""How the deliveries of each event type went, among the newest of the log."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import func, select

from webhooks_ui.database import db
from webhooks_ui.deliveries.ids_by_time import CLOCK_SLACK, first_id_at, highest_id
from webhooks_ui.models import Delivery, DeliveryStatus

ROWS_MAX = 20_000  # that are counted, so that the page stays fast


@dataclass
class TypeCounts:
    """The deliveries of an event type by their status."""

    type: str
    statuses: Counter[str] = field(default_factory=Counter)

    @property
    def total(self) -> int:
        return self.statuses.total()

    @property
    def failed(self) -> int:
        return self.statuses[DeliveryStatus.FAILED]

    @property
    def pending(self) -> int:
        return self.statuses[DeliveryStatus.PENDING]


def count_types(environment: str, since: datetime) -> tuple[list[TypeCounts], bool]:
    """Return the counts of each event type since a time, the most frequent first.

    Return also False if there were more than ``ROWS_MAX`` deliveries, and only the newest were counted.

    Args:
        environment: Empty: all.
    """
    first, last = first_id_at(Delivery, since - CLOCK_SLACK), highest_id(Delivery)
    is_cut = last - first >= ROWS_MAX
    lowest = last - ROWS_MAX + 1 if is_cut else first
    query = select(Delivery.event_type, Delivery.status, func.count()).where(Delivery.id >= lowest)
    query = query.where(Delivery.created_at >= since).group_by(Delivery.event_type, Delivery.status)
    if environment:
        query = query.where(Delivery.environment == environment)
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for type, status, count in db.session.execute(query):
        found[type][status] += count
    counts = [TypeCounts(type, statuses) for type, statuses in found.items()]
    return sorted(counts, key=lambda counts: (-counts.total, counts.type)), not is_cut
