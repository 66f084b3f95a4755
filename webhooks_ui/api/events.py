"""POST /api/v1/events: publishes events."""

import json
from typing import Any

from flask import Response, request

from jobs.publish import publish
from jobs.store import OtherContent
from webhooks_ui.api.body import read_events
from webhooks_ui.api.keys import caller, fact
from webhooks_ui.events import strict_json
from webhooks_ui.events.check import WrongEvent, check_event
from webhooks_ui.events.new_event import NewEvent
from webhooks_ui.events.schema import Budget
from webhooks_ui.web.problem import Problem, field_error

EVENTS_MAX = strict_json.ITEMS_MAX


def create() -> Response:
    """Publish one event, or all events of an array. If one of them is wrong, publish nothing."""
    body = read_events()
    environment = caller().environment
    try:
        published = publish(environment, _checked(body, environment), request.headers.get("traceparent"), fact())
    except OtherContent as error:
        index = error.index if isinstance(body, list) else None
        raise Problem(409, f"Nothing was published. {error}", [field_error("id", str(error), index)]) from None
    answers = [{"id": result.id, "deliveries": result.deliveries} for result in published]
    answer = answers if isinstance(body, list) else answers[0]
    return Response(json.dumps(answer), 202, content_type="application/json")


def _checked(body: Any, environment: str) -> list[NewEvent]:
    """Return the events in ``body``.

    Raises:
        Problem: 422 with one entry per wrong field, or 413 if an event is too large.
    """
    if not isinstance(body, list):
        return _checked_all([(None, body)], environment)
    if not body:
        raise Problem(422, "The array is empty.", [field_error("", "Send at least one event.")])
    if len(body) > EVENTS_MAX:
        message = f"An array may have up to {EVENTS_MAX:,} events, but this one has more."
        raise Problem(422, message, [field_error("", message, EVENTS_MAX)])
    return _checked_all(list(enumerate(body)), environment)


def _checked_all(values: list[tuple[int | None, Any]], environment: str) -> list[NewEvent]:
    events: list[NewEvent] = []
    wrong: list[dict[str, Any]] = []
    too_large: list[dict[str, Any]] = []
    budget = Budget()
    for index, value in values:
        try:
            events.append(check_event(value, environment, budget=budget))
        except WrongEvent as error:
            found = too_large if error.too_large else wrong
            found.extend(field_error(field, message, index) for field, message in error.errors)
    if wrong:
        raise Problem(422, "Nothing was published: see errors.", wrong + too_large)
    if too_large:
        raise Problem(413, "Nothing was published: see errors.", too_large)
    return events
