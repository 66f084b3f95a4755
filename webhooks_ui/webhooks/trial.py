"""Tries a filter on the events that happened lately, before it is saved."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select

from webhooks_ui.database import db
from webhooks_ui.events import catalogue, strict_json
from webhooks_ui.events.conditions import Filter
from webhooks_ui.models import Event
from webhooks_ui.webhooks.options import examples_of, warnings

EVENTS_MAX = 50
WINDOW_EVENTS = 5_000  # older events aren't looked at, so that the answer comes while somebody types
REMARKS_MAX = 5


@dataclass(frozen=True)
class Trial:
    """What a filter would have done."""

    summary: str
    remarks: tuple[str, ...]  # a sentence for each condition that can't hold for some of the events


def try_filter(filter: Filter, environment: str, event_types: Sequence[str]) -> Trial:
    """Return how many of the last events of these types would be sent. Without any, try the examples of the types."""
    happened = _last_events(environment, event_types)
    tried = happened or examples_of(event_types)
    passed = sum(filter.passes(data) for data in tried)
    remarks = dict.fromkeys(
        [*warnings(filter.conditions, event_types), *(remark for data in tried for remark in filter.remarks(data))]
    )
    return Trial(_summary(passed, len(tried), bool(happened)), tuple(remarks)[:REMARKS_MAX])


def paths_of(event_types: Iterable[str]) -> list[str]:
    """Return the paths of the data of the examples of these types, or of all types if there are none."""
    examples = examples_of(event_types) or examples_of(catalogue.all_types())
    return sorted({path for example in examples for path in _paths(example)})


def _last_events(environment: str, event_types: Sequence[str]) -> list[Mapping[str, Any]]:
    newest = db.session.scalar(select(func.max(Event.id))) or 0
    query = (
        select(Event.body)
        .where(Event.id > newest - WINDOW_EVENTS)
        .where(Event.environment == environment, Event.type.in_(event_types))
        .order_by(Event.id.desc())
        .limit(EVENTS_MAX)
    )
    return [strict_json.load_members(body)["data"].value for body in db.session.scalars(query)]


def _summary(passed: int, count: int, has_happened: bool) -> str:
    if has_happened:
        return (
            f"{passed} of the last {count} events would be sent."
            if count > 1
            else ("The last event would be sent." if passed else "The last event would not be sent.")
        )
    if not count:
        return "Choose events above to try the conditions on them."
    return f"None of these events has happened lately. Of their {count} examples, {passed} would be sent."


def _paths(data: Mapping[str, Any], before: str = "") -> Iterable[str]:
    for name, value in data.items():
        yield f"{before}{name}"
        if isinstance(value, Mapping):
            yield from _paths(value, f"{before}{name}.")
