"""Following the newest deliveries: finds out whether a page that shows them is out of date.

A page asks every few seconds. Usually nothing happened, so the first question is one look into the primary key.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from werkzeug.datastructures import MultiDict

from webhooks_ui.deliveries.display import mark
from webhooks_ui.deliveries.filters import DeliveryFilters
from webhooks_ui.deliveries.ids_by_time import highest_id
from webhooks_ui.deliveries.rows import Shown
from webhooks_ui.models import RETRYING, Delivery, DeliveryStatus
from webhooks_ui.parsing import parse_id

FOLLOW_SECONDS = 3  # between the questions of a page
MARKS_MAX = 100


@dataclass(frozen=True)
class Seen:
    """What a page shows: the mark of each row, and the highest id of all deliveries when the page was made."""

    marks: tuple[str, ...] = ()
    newest: int = 0

    @classmethod
    def parse(cls, query: "MultiDict[str, str]") -> "Seen":
        """Return what a query string says. What makes no sense counts as not shown."""
        return cls(tuple(query.getlist("mark")[:MARKS_MAX]), parse_id(query.get("newest", "")) or 0)

    @classmethod
    def of(cls, deliveries: Iterable[Shown], newest: int) -> "Seen":
        return cls(tuple(map(mark, deliveries)), newest)

    @property
    def args(self) -> Mapping[str, Any]:
        """The query string that ``parse`` reads."""
        return {"mark": self.marks, "newest": self.newest}

    def may_differ(self, filters: DeliveryFilters) -> bool:
        """Return False if the rows that ``filters`` find are surely the same.

        Without a new delivery, they can be others only if one of them is unfinished, or if an attempt decides what the
        filters find. A final delivery that somebody retries is noticed with the next new one.
        """
        depends_on_attempts = bool(filters.status or filters.code)
        return depends_on_attempts or any(map(_is_unfinished, self.marks)) or highest_id(Delivery) > self.newest

    def arrived(self, deliveries: Iterable[Shown]) -> set[int]:
        """Return the ids of those of ``deliveries`` that the page doesn't show."""
        shown = {mark.partition("-")[0] for mark in self.marks}
        return {delivery.id for delivery in deliveries if str(delivery.id) not in shown}


def _is_unfinished(mark: str) -> bool:
    return mark.split("-")[1:2] in ([DeliveryStatus.PENDING], [RETRYING])
