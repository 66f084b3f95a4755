"""The headers of a signed request, as a worker makes them."""

from collections.abc import Sequence

from jobs.compose import DEFAULTS, Try, request_of
from webhooks_ui.events.formats.outgoing import Outgoing


def headers(
    event_id: str,
    event_type: str,
    environment: str,
    body: bytes,
    *,
    timestamp: int,
    attempt: int,
    keys: Sequence[bytes],
) -> dict[str, str]:
    """Return all headers of attempt number ``attempt`` (from 1) of an event."""
    event = Outgoing(event_id, event_type, environment, body)
    return request_of(DEFAULTS, event, Try(attempt, timestamp, tuple(keys))).headers
