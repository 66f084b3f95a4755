"""Why a webhook fails: its failed attempts since its last success, counted by cause.

They are kept with the webhook, so that every page, notice and mail can tell them without a search of the log.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

CAUSES_MAX = 5
TEXT_MAX_CHARACTERS = 160


class Failure(NamedTuple):
    """A failed attempt."""

    outcome: str
    response_code: int | None
    text: str  # see text_of
    at: datetime
    delivery_id: int


class Cause(NamedTuple):
    """Failed attempts with the same outcome and response code."""

    outcome: str
    response_code: int | None
    text: str  # of the last one
    times: int
    since: datetime
    delivery_id: int  # of the last one


def add(stored: Sequence[Mapping[str, Any]], failures: Iterable[Failure]) -> list[dict[str, Any]]:
    """Return the causes as ``Webhook.failures`` holds them, with more failures. The cause of the last one is the last.

    The cause that is longest past is forgotten if there are more than ``CAUSES_MAX``.
    """
    causes = {(item["outcome"], item["code"]): dict(item) for item in stored}
    for failure in failures:
        key = failure.outcome, failure.response_code
        before = causes.pop(key, {"count": 0, "since": failure.at.isoformat()})
        causes[key] = {
            "outcome": failure.outcome,
            "code": failure.response_code,
            "text": failure.text,
            "count": before["count"] + 1,
            "since": before["since"],
            "delivery": failure.delivery_id,
        }
    return list(causes.values())[-CAUSES_MAX:]


def causes_of(webhook: Any) -> list[Cause]:
    """Return why the webhook fails, the latest cause first. A webhook whose last attempt succeeded has none."""
    return read(webhook.failures)


def read(stored: Sequence[Mapping[str, Any]]) -> list[Cause]:
    """Return the causes that ``Webhook.failures`` holds, the latest first."""
    return [
        Cause(
            item["outcome"],
            item["code"],
            item["text"],
            item["count"],
            datetime.fromisoformat(item["since"]),
            item["delivery"],
        )
        for item in reversed(stored)
    ]


def text_of(detail: str, body: bytes | None) -> str:
    """Return what a failed attempt says of its reason: the first line of the answer's body, or else the detail.

    A body of markup says nothing in a line.
    """
    lines = (line.strip() for line in (body or b"")[:2_000].decode("utf-8", "replace").splitlines())
    first = next(filter(None, lines), "")
    told = detail if not first or first.startswith("<") else first
    return "".join(character for character in told if character.isprintable())[:TEXT_MAX_CHARACTERS]
