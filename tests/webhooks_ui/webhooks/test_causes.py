"""Why a webhook fails, counted by cause."""

from datetime import UTC, datetime, timedelta

import pytest

from webhooks_ui.webhooks.causes import CAUSES_MAX, Failure, add, read, text_of

NOW = datetime(2026, 11, 23, 6, 25, tzinfo=UTC)


def failure(code: int, minutes: int = 0, text: str = "", delivery: int = 1) -> Failure:
    return Failure("bad_status", code, text, NOW + timedelta(minutes=minutes), delivery)


def test_failures_are_counted_by_outcome_and_code_the_latest_first() -> None:
    stored = add([], [failure(500, 0), failure(502, 1), failure(500, 2, "out of memory", 7)])
    latest, other = read(stored)
    assert (latest.response_code, latest.times, latest.text, latest.delivery_id) == (500, 2, "out of memory", 7)
    assert latest.since == NOW
    assert (other.response_code, other.times) == (502, 1)


def test_counting_goes_on_from_what_is_stored() -> None:
    stored = add(add([], [failure(500)]), [failure(500, 3)])
    assert [(cause.times, cause.since) for cause in read(stored)] == [(2, NOW)]


def test_only_the_latest_causes_are_kept() -> None:
    stored = add([], [failure(500 + number) for number in range(CAUSES_MAX + 3)])
    assert [cause.response_code for cause in read(stored)] == [507, 506, 505, 504, 503]


@pytest.mark.parametrize(
    ("detail", "body", "text"),
    [
        ("", b"\n  database unavailable \nmore", "database unavailable"),
        ("timed out", None, "timed out"),
        ("detail", b"<html><body>Error", "detail"),
        ("", b"\xff\x00broken", "\ufffdbroken"),
        ("", b"x" * 5_000, "x" * 160),
    ],
)
def test_the_text_is_the_first_line_of_the_answer(detail: str, body: bytes | None, text: str) -> None:
    assert text_of(detail, body) == text
