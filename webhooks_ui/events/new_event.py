"""A new event: the fields from its publisher, its id, and the bytes that attempts send."""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from webhooks_ui.events import strict_json

_RANDOM_BYTES = 7


@dataclass(frozen=True)
class NewEvent:
    """The checked fields of an event from its publisher."""

    type: str
    data: dict[str, Any]
    id: str | None = None
    timestamp: datetime | None = None  # with a time zone
    literal: str | None = None  # ``data`` as it was written. ``None``: it is rendered
    note: str | None = None  # where ``data`` doesn't fit the schema of its type

    @cached_property
    def data_json(self) -> str:
        """``data`` as it is sent: to the letter as it was published.

        Raises:
            ValueError: The data holds an infinite number.
        """
        return strict_json.render_literally(self.data) if self.literal is None else self.literal

    def is_told_by(self, body: bytes) -> bool:
        """Return True if the body of a stored event says the same as this one.

        The data may be written in another way. A timestamp counts if the publisher gave one now.
        """
        stored = strict_json.load_members(body)
        if stored["type"].value != self.type:
            return False
        if self.timestamp and stored["timestamp"].value != render_time(self.timestamp):
            return False
        data = stored["data"]
        same: bool = data.text == self.data_json or data.value == strict_json.load_raw(self.data_json.encode()).value
        return same


def new_event_id(at: datetime) -> str:
    """Return ``evt_`` and 28 hexadecimal digits, of which the first half is ``at`` in microseconds: ids sort by age."""
    microseconds = int(at.timestamp()) * 1_000_000 + at.microsecond
    return f"evt_{microseconds:014x}{secrets.token_hex(_RANDOM_BYTES)}"


def render_time(at: datetime) -> str:
    """Return a time as it is sent: ``2026-11-23T10:00:00.000000Z``."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def render_body(public_id: str, environment: str, event: NewEvent, now: datetime, *, is_test: bool = False) -> bytes:
    """Return the exact bytes that every attempt sends (docs/verifying.md, "What arrives").

    Args:
        now: The time of the event if its publisher gave none.
    """
    head: dict[str, Any] = {
        "id": public_id,
        "type": event.type,
        "environment": environment,
        "timestamp": render_time(event.timestamp or now),
    }
    if is_test:
        head["test"] = True
    return f'{strict_json.render(head)[:-1]},"data":{event.data_json}}}'.encode()
