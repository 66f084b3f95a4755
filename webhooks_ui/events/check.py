"""Checks an event that a publisher sent. The result is an event to store, or one error per wrong field."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

from webhooks_ui.events import catalogue, schema, strict_json
from webhooks_ui.events.new_event import NewEvent, new_event_id, render_body
from webhooks_ui.events.operational import OPERATIONAL, refusal
from webhooks_ui.models import SchemaCheck, utcnow

EVENT_MAX_BYTES = 256 * 1024  # the size of the body that the attempts send
DATA_CHARACTERS = 60_000  # fit into that with everything else, even with four bytes each
FIELDS = ("type", "data", "id", "timestamp")
ID = re.compile(r"[A-Za-z0-9_.:-]{1,128}")
_KINDS = {
    dict: "an object",
    list: "an array",
    str: "a string",
    bool: "true or false",
    strict_json.Number: "a number",
}


class FieldError(NamedTuple):
    """An error in one field. ``field`` is a path such as ``data.customer.name``, or empty for the whole event."""

    field: str
    message: str


class WrongEvent(ValueError):
    """The event can't be published. ``errors`` has one entry per wrong field."""

    def __init__(self, errors: list[FieldError], *, too_large: bool = False) -> None:
        super().__init__(" ".join(f"{error.field}: {error.message}" for error in errors))
        self.errors = errors
        self.too_large = too_large


def check_event(
    value: Any, environment: str, *, is_test: bool = False, budget: schema.Budget | None = None
) -> NewEvent:
    """Return the event in ``value``, an object with ``type`` and ``data``, and optionally ``id`` and ``timestamp``.

    Args:
        value: what ``strict_json.load_members`` returns for an event.
        is_test: its body will say that it is a test.
        budget: for checks against schemas, if there are more events.

    Raises:
        WrongEvent: A field is missing, unknown or wrong, or the event's body would be over 256 KiB.
    """
    if not isinstance(value, dict):
        raise WrongEvent([FieldError("", f"An event is an object, not {_kind(value)}.")])
    given: dict[str, Any] = {name: raw.value for name, raw in value.items() if name in FIELDS}
    timestamp = _timestamp(given.get("timestamp"))
    if errors := [*_wrong_fields(value, given, timestamp, is_test), *_unsendable(value.get("data"))]:
        raise WrongEvent(errors)
    note = _against_schema(given["type"], given["data"], is_test, budget)
    event = NewEvent(given["type"], given["data"], given.get("id"), timestamp, value["data"].text, note)
    if len(event.data_json) > DATA_CHARACTERS:
        _check_size(event, environment, is_test)
    return event


def _check_size(event: NewEvent, environment: str, is_test: bool) -> None:
    now = utcnow()
    size = len(render_body(event.id or new_event_id(now), environment, event, now, is_test=is_test))
    if size > EVENT_MAX_BYTES:
        message = f"The event would be sent with {size:,} bytes. At most {EVENT_MAX_BYTES:,} are allowed."
        raise WrongEvent([FieldError("data", message)], too_large=True)


def _against_schema(type_name: str, data: dict[str, Any], is_test: bool, budget: schema.Budget | None) -> str | None:
    """Return where the data doesn't fit the schema of its type, if that is only to be noted.

    Raises:
        WrongEvent: the type refuses data that doesn't fit. A test is never refused.
    """
    type = catalogue.find(type_name)
    if type is None or type.schema is None or type.check == SchemaCheck.OFF:
        return None
    found = schema.violations(type.schema, data, budget)
    if found and type.check == SchemaCheck.REFUSE and not is_test:
        raise WrongEvent([FieldError(f"data.{path}".rstrip("."), message) for path, message in found])
    return " ".join(f"{path or 'data'}: {message}" for path, message in found) or None


def _wrong_fields(
    value: dict[str, Any], given: dict[str, Any], timestamp: datetime | None, is_test: bool
) -> Iterator[FieldError]:
    for name in value:
        if name not in FIELDS:
            yield FieldError(strict_json.shortened(name), f"This field is unknown. An event has {', '.join(FIELDS)}.")
    for name in ("type", "data"):
        if name not in value:
            yield FieldError(name, "This field is missing.")
    type, data, id = given.get("type"), given.get("data"), given.get("id")
    if "type" in value and not isinstance(type, str):
        yield FieldError("type", f"The type is a string such as license.activated, not {_kind(type)}.")
    elif "type" in value and type in OPERATIONAL and not is_test:
        yield FieldError("type", refusal(type))
    elif "type" in value and catalogue.find(str(type)) is None:
        known = f"see /api/v1/event-types for the {len(catalogue.all_types())} names"
        yield FieldError("type", f"{strict_json.shortened(str(type))!r} is no event type; {known}.")
    if "data" in value and not isinstance(data, dict):
        yield FieldError("data", f"The data is an object, not {_kind(data)}.")
    if "id" in value and not (isinstance(id, str) and ID.fullmatch(id)):
        yield FieldError("id", "The id is a string of 1 to 128 characters from A-Z, a-z, 0-9 and _ . : -")
    if "timestamp" in value and timestamp is None:
        wanted = "ISO 8601 with a time zone and seconds up to 59, such as 2026-11-23T10:00:00Z"  # no leap second
        yield FieldError("timestamp", f"The timestamp is {wanted}.")


def _unsendable(data: strict_json.Raw | None) -> Iterator[FieldError]:
    """Yield an error if a receiver couldn't read the data."""
    if data and isinstance(data.value, dict) and (found := strict_json.unsendable(data)):
        path, message = found
        yield FieldError(f"data{path}", message)


def _timestamp(value: Any) -> datetime | None:
    """Return ``value`` as a time in UTC, or ``None`` if it is no time of ISO 8601 with a zone.

    Libraries write them in many forms, and to refuse one would lose an event. RFC 3339 also allows small letters.
    """
    if not isinstance(value, str) or not value.isascii():
        return None
    try:
        time = datetime.fromisoformat(value.upper())
        return time.astimezone(UTC) if time.tzinfo else None
    except (ValueError, OverflowError):
        return None


def _kind(value: Any) -> str:
    return "null" if value is None else _KINDS[type(value)]
