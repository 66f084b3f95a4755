"""Tries a filter on the events that happened lately, before it is saved."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any

from sqlalchemy import func, select

from webhooks_ui.database import db
from webhooks_ui.events import catalogue, strict_json
from webhooks_ui.events.conditions import Filter
from webhooks_ui.models import Event
from webhooks_ui.webhooks.options import examples_of, warnings

EVENTS_MAX = 50
STEP_EVENTS = 5_000  # events of all types and environments that one query looks at
SEARCHED_MAX = 500_000  # of these events. Older ones aren't looked at
SEARCH_SECONDS = 0.12  # then the search ends, so that the answer comes while somebody types
REMARKS_MAX = 5


@dataclass(frozen=True)
class Trial:
    """What a filter would have done."""

    passed: int
    summary: str
    remarks: tuple[str, ...]  # a sentence for each condition that can't hold for some of the events


def try_filter(filter: Filter, environment: str, event_types: Sequence[str]) -> Trial:
    """Return how many of the last events of these types would be sent. Without any, try the examples of the types."""
    happened, searched = _last_events(environment, event_types)
    tried = happened or examples_of(event_types)
    passed = sum(filter.passes(data) for data in tried)
    remarks = dict.fromkeys(
        [*warnings(filter.conditions, event_types), *(remark for data in tried for remark in filter.remarks(data))]
    )
    summary = (
        _summary(passed, len(happened), searched) if happened else _summary_of_examples(passed, len(tried), searched)
    )
    return Trial(passed, summary, tuple(remarks)[:REMARKS_MAX])


def paths_of(event_types: Iterable[str]) -> list[str]:
    """Return the paths of the data of the examples of these types, or of all types if there are none."""
    examples = examples_of(event_types) or examples_of(catalogue.all_types())
    return sorted({path for example in examples for path in _paths(example)})


def _last_events(environment: str, event_types: Sequence[str]) -> tuple[list[Mapping[str, Any]], int]:
    """Return the data of the last events of these types, at most ``EVENTS_MAX``.

    Return also among how many events they were searched, or 0 if no older ones can be missing. No index of the table
    has the type, so the search goes back step by step.
    """
    found: list[Mapping[str, Any]] = []
    if not event_types:
        return found, 0
    newest, oldest = (db.session.scalar(select(end(Event.id))) or 0 for end in (func.max, func.min))
    last, ends_at = newest, monotonic() + SEARCH_SECONDS
    while last >= oldest and len(found) < EVENTS_MAX:
        if newest - last >= SEARCHED_MAX or (last < newest and monotonic() > ends_at):
            return found, newest - last
        found += _events_up_to(last, environment, event_types, EVENTS_MAX - len(found))
        last -= STEP_EVENTS
    return found, 0


def _events_up_to(last: int, environment: str, event_types: Sequence[str], limit: int) -> list[Mapping[str, Any]]:
    """Return the data of the newest events of these types, among the ``STEP_EVENTS`` whose ids end with ``last``."""
    query = (
        select(Event.body)
        .where(Event.id > last - STEP_EVENTS, Event.id <= last)
        # An expression, so that no database reads the whole environment by the index on it instead of these ids
        .where(Event.environment.concat("") == environment, Event.type.in_(event_types))
        .order_by(Event.id.desc())
        .limit(limit)
    )
    return [strict_json.load_members(body)["data"].value for body in db.session.scalars(query)]


def _summary(passed: int, count: int, searched: int) -> str:
    if searched and count > 1:
        return f"Among the last {searched:,} events are {count} of these types. {passed} of them would be sent."
    verdict = "would be sent" if passed else "would not be sent"
    if searched:
        return f"Among the last {searched:,} events is one of these types. It {verdict}."
    return f"{passed} of the last {count} events would be sent." if count > 1 else f"The last event {verdict}."


def _summary_of_examples(passed: int, count: int, searched: int) -> str:
    if not count:
        return "Choose events above to try the conditions on them."
    none = f"is among the last {searched:,}" if searched else "has happened lately"
    if count == 1:
        return f"None of these events {none}. Their example would {'' if passed else 'not '}be sent."
    return f"None of these events {none}. Of their {count} examples, {passed} would be sent."


def _paths(data: Mapping[str, Any], before: str = "") -> Iterable[str]:
    for name, value in data.items():
        yield f"{before}{name}"
        if isinstance(value, Mapping):
            yield from _paths(value, f"{before}{name}.")
