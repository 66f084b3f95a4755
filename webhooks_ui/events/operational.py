"""The operational events: what happens to webhooks and deliveries themselves. This product publishes them.

A webhook gets them about all webhooks of its environment but itself.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from webhooks_ui.events.new_event import render_time
from webhooks_ui.events.strict_json import Number
from webhooks_ui.events.types import Data, EventType
from webhooks_ui.models.visible import words

CATEGORY = "operational"
PREFIXES = ("webhook.", "delivery.")  # of these types, and of no others

_WEBHOOK: Data = {"id": 42, "name": "Order system", "host": "hooks.example.com"}
_SINCE = "2026-11-23T09:41:12.350000Z"

_CATALOGUE: tuple[tuple[str, str, Data], ...] = (
    (
        "webhook.failing",
        "A webhook failed so often in a row that its deliveries wait.",
        {
            "webhook": _WEBHOOK,
            "failing_since": _SINCE,
            "failures_in_a_row": 10,
            "last_attempt": {"outcome": "bad_status", "response_code": 500},
        },
    ),
    ("webhook.recovered", "A failing webhook succeeded again.", {"webhook": _WEBHOOK, "failing_since": _SINCE}),
    (
        "webhook.throttled",
        "An endpoint asked to slow down, and its deliveries wait.",
        {"webhook": _WEBHOOK, "until": "2026-11-23T10:00:30.000000Z"},
    ),
    (
        "webhook.disabled",
        "A webhook was made inactive automatically. Its reason says why.",
        {"webhook": _WEBHOOK, "reason": "The endpoint answered 410 Gone."},
    ),
    (
        "delivery.failed",
        "A delivery was given up after its last attempt.",
        {
            "webhook": _WEBHOOK,
            "delivery": {"id": 90_210, "attempts": 5},
            "event": {"id": "evt_0644e2f0a1b2c3d4e5f60718293a4b", "type": "license.activated"},
            "last_attempt": {"outcome": "bad_status", "response_code": 500},
        },
    ),
)

OPERATIONAL: dict[str, EventType] = {
    name: EventType(name, CATEGORY, description, example) for name, description, example in _CATALOGUE
}

FIELDS: tuple[tuple[str, str], ...] = (
    ("webhook", "The webhook that it is about: id, name and host of the URL."),
    ("failing_since", "When its first failure in a row was, ISO 8601 UTC."),
    ("failures_in_a_row", "How many attempts have failed since."),
    ("last_attempt", "Its outcome, and the response code or null."),
    ("until", "When the next request may go out, ISO 8601 UTC."),
    ("reason", "Why it was made inactive, in a sentence."),
    ("delivery", "The delivery that was given up: id and number of attempts."),
    ("event", "The event that wasn't delivered: id and type."),
)


class About(NamedTuple):
    """The webhook that an operational event is about."""

    id: int
    name: str
    url: str
    environment: str

    @property
    def data(self) -> dict[str, Any]:
        """What the event says of it. The rest of the URL may be a credential."""
        return {"id": self.id, "name": self.name, "host": urlsplit(self.url).hostname or ""}


class News(NamedTuple):
    """An operational event that is to be published."""

    type: str
    about: About
    data: dict[str, Any]


def is_about(data: Mapping[str, Any], webhook_id: int) -> bool:
    """Return True if an operational event with this data, as ``strict_json`` reads it, is about the webhook."""
    id = data["webhook"]["id"]
    return str(id.literal if isinstance(id, Number) else id) == str(webhook_id)


def outcome_words(outcome: str) -> str:
    """Return the outcome of an attempt as people write it: ``Timeout``, ``DNS failed``."""
    return words(outcome).replace("Dns", "DNS").replace("Tls", "TLS")


def refusal(type: str) -> str:
    """Return what to say to somebody who publishes an operational type."""
    return f"Only KeyManager itself publishes {type}. Choose another type."


def failing(about: About, since: datetime | None, failures: int, outcome: str, code: int | None) -> News:
    last = {"outcome": outcome, "response_code": code}
    data = {"failing_since": _time(since), "failures_in_a_row": failures, "last_attempt": last}
    return News("webhook.failing", about, {"webhook": about.data} | data)


def recovered(about: About, since: datetime | None) -> News:
    return News("webhook.recovered", about, {"webhook": about.data, "failing_since": _time(since)})


def throttled(about: About, until: datetime | None) -> News:
    return News("webhook.throttled", about, {"webhook": about.data, "until": _time(until)})


def disabled(about: About, reason: str) -> News:
    return News("webhook.disabled", about, {"webhook": about.data, "reason": reason})


def delivery_failed(
    about: About, delivery_id: int, attempts: int, event: tuple[str, str], outcome: str, code: int | None
) -> News:
    """Return the news that a delivery was given up.

    Args:
        event: the public id of the event, and its type.
    """
    data = {
        "webhook": about.data,
        "delivery": {"id": delivery_id, "attempts": attempts},
        "event": {"id": event[0], "type": event[1]},
        "last_attempt": {"outcome": outcome, "response_code": code},
    }
    return News("delivery.failed", about, data)


def _time(at: datetime | None) -> str | None:
    return render_time(at) if at else None
