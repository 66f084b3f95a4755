"""A new event: the fields from its publisher, its id, and the bytes that attempts send."""

import json
import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

_render = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


@dataclass(frozen=True)
class NewEvent:
    """The checked fields of an event from its publisher."""

    type: str
    data: dict[str, Any]
    id: str | None = None
    timestamp: datetime | None = None  # with a time zone

    @cached_property
    def data_json(self) -> str:
        """``data`` as the JSON that is sent.

        Raises:
            ValueError: The data holds an infinite number.
        """
        return _render(self.data)


def new_event_id() -> str:
    """Return ``evt_`` and 28 hexadecimal digits. The first 12 are the time in milliseconds, so that ids sort by age."""
    return f"evt_{time.time_ns() // 1_000_000:012x}{secrets.token_hex(8)}"


def render_body(public_id: str, environment: str, event: NewEvent, now: datetime) -> bytes:
    """Return the exact bytes that every attempt sends (docs/api.md, "What a webhook receives").

    Args:
        now: The time of the event if its publisher gave none.
    """
    timestamp = (event.timestamp or now).astimezone(UTC)
    precision = "microseconds" if timestamp.microsecond and event.timestamp else "seconds"
    head = {
        "id": public_id,
        "type": event.type,
        "environment": environment,
        "timestamp": timestamp.isoformat(timespec=precision).replace("+00:00", "Z"),
    }
    return f'{_render(head)[:-1]},"data":{event.data_json}}}'.encode()
