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
    causes = {(cause.outcome, cause.response_code): cause for cause in reversed(read(stored))}
    for outcome, code, text, at, delivery_id in failures:
        before = causes.pop((outcome, code), None)
        times, since = (before.times, before.since) if before else (0, at)
        causes[outcome, code] = Cause(outcome, code, text, times + 1, since, delivery_id)
    return [
        {
            "outcome": cause.outcome,
            "code": cause.response_code,
            "text": cause.text,
            "count": cause.times,
            "since": cause.since.isoformat(),
            "delivery": cause.delivery_id,
        }
        for cause in list(causes.values())[-CAUSES_MAX:]
    ]


def causes_of(webhook: Any) -> list[Cause]:
    """Return why the webhook fails, the latest cause first. A webhook whose last attempt succeeded has none."""
    return read(webhook.failures)


def read(stored: Sequence[Mapping[str, Any]]) -> list[Cause]:
    """Return the causes that ``Webhook.failures`` holds, the latest first.

    If a person wrote something else there, there are none. The webhook goes on without its history.
    """
    try:
        return [_cause(item) for item in reversed(stored)]
    except (ValueError, TypeError, LookupError):
        return []


def _cause(item: Mapping[str, Any]) -> Cause:
    code = None if item["code"] is None else int(item["code"])
    since = datetime.fromisoformat(item["since"])
    if since.tzinfo is None or not isinstance(item["outcome"], str) or not isinstance(item["text"], str):
        raise TypeError("This is no cause.")
    return Cause(item["outcome"], code, item["text"], int(item["count"]), since, int(item["delivery"]))


def text_of(detail: str, body: bytes | None) -> str:
    """Return what a failed attempt says of its reason: the first line of the answer's body, or else the detail.

    A body of markup says nothing in a line.
    """
    lines = (line.strip() for line in (body or b"")[:2_000].decode("utf-8", "replace").splitlines())
    first = next(filter(None, lines), "")
    told = detail if not first or first.startswith("<") else first
    return "".join(character for character in told if character.isprintable())[:TEXT_MAX_CHARACTERS]
