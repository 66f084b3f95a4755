"""Compares two attempts of a delivery: what was sent, and what was answered. Secrets stay masked as on its page."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from sqlalchemy import select

from webhooks_ui.database import db
from webhooks_ui.deliveries.display import decoded, header_lines, request_body, request_headers
from webhooks_ui.deliveries.line_diff import CHARACTERS_MAX, LINES_MAX, Line, diff, is_cut, lines_of
from webhooks_ui.deliveries.outcomes import Outcome
from webhooks_ui.models import Attempt, Delivery
from webhooks_ui.parsing import COUNT_MAX, parse_id


@dataclass(frozen=True)
class Part:
    """A part of a request or of a response. Without ``lines`` it is the same in both attempts."""

    title: str
    lines: list[Line] = field(default_factory=list)
    note: str = ""


@dataclass(frozen=True)
class Comparison:
    """The two attempts to compare, the earlier one first. ``parts`` is empty until somebody asks."""

    first: Attempt
    second: Attempt
    parts: list[Part] = field(default_factory=list)
    problem: str = ""  # with what was asked for


def compare(delivery: Delivery, attempts: Sequence[Attempt], wanted: Sequence[str]) -> Comparison | None:
    """Compare the two attempts whose numbers were asked for. Return None if the delivery has no two attempts.

    Args:
        attempts: the last ones of the delivery, newest first.
        wanted: what the address says: ``["1", "3"]`` or ``["1,3"]``. Nothing: propose two.
    """
    if len(attempts) < 2:
        return None
    first, second = _proposed(attempts)
    asked = [text.strip() for entry in wanted for text in entry.split(",")]
    if not asked:
        return Comparison(first, second)
    understood = [number for text in asked if (number := parse_id(text)) is not None]
    numbers = sorted(set(understood))
    if len(understood) != len(asked) or len(numbers) != 2:
        problem = f"Choose two different attempts. These are {first.number} and {second.number}."
        return Comparison(first, second, _parts(delivery, first, second), problem)
    found = [_load(delivery, number) for number in numbers]
    if found[0] and found[1]:
        return Comparison(found[0], found[1], _parts(delivery, found[0], found[1]))
    missing = next(number for number, attempt in zip(numbers, found, strict=True) if attempt is None)
    problem = f"There is no attempt {missing}. These are {first.number} and {second.number}."
    return Comparison(first, second, _parts(delivery, first, second), problem)


def _proposed(attempts: Sequence[Attempt]) -> tuple[Attempt, Attempt]:
    """Return the delivered attempt and the one before it that failed, else the first and the last one."""
    for second, first in pairwise(attempts):
        if second.outcome == Outcome.DELIVERED and first.outcome != Outcome.DELIVERED:
            return first, second
    return attempts[-1], attempts[0]


def _load(delivery: Delivery, number: int) -> Attempt | None:
    query = select(Attempt).filter_by(delivery_id=delivery.id, number=min(number, COUNT_MAX)).order_by(Attempt.id)
    return db.session.scalars(query.limit(1)).first()


def _parts(delivery: Delivery, first: Attempt, second: Attempt) -> list[Part]:
    both = (first, second)
    kept = "Of a long response only the beginning was kept." if any(a.response_truncated for a in both) else ""
    return [
        _part("Request headers", [header_lines(request_headers(delivery, attempt)) for attempt in both]),
        _part("Request body", [decoded(request_body(delivery, attempt)) for attempt in both]),
        _part("Response headers", [header_lines(attempt.response_headers) for attempt in both]),
        _part("Response body", [decoded(attempt.response_body) for attempt in both], kept),
    ]


def _part(title: str, texts: Sequence[str], note: str = "") -> Part:
    first, second = texts
    if first == second:
        return Part(title, note=note)
    a, b = lines_of(first), lines_of(second)
    notes = [note]
    if is_cut(a) or is_cut(b):
        notes.append(f"Only the first {LINES_MAX} lines, and {CHARACTERS_MAX} characters of each, are compared.")
    lines = diff(a, b)
    if all(line.kind in ("same", "skipped") for line in lines):
        notes.append("The compared lines are the same. The texts differ in the rest, or in spaces between lines.")
    return Part(title, lines, " ".join(filter(None, notes)))
