"""How long an answer asks us to wait, as endpoints write it."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
import time_machine

from jobs.asked_wait import asked_seconds, retry_after_seconds
from jobs.retry import RETRY_AFTER_MAX_SECONDS

NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
UNIX = int(NOW.timestamp())


@pytest.mark.parametrize(
    ("value", "seconds"),
    [(None, None), ("", None), ("120", 120), ("-5", None), ("soon", None), ("999999999", 999_999_999)],
)
def test_retry_after_in_seconds(value: str | None, seconds: int | None) -> None:
    assert retry_after_seconds(value) == seconds


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("2.0", 2), ("0.65", 1), ("1.000001", 2), ("0.000", 0)]
    + [(value, None) for value in (".5", "5.", "-1.5", "1.5.2", "1,5", "1e3", "\u0661.\u0665")],
)
def test_a_fraction_in_retry_after_is_rounded_up(value: str, seconds: int | None) -> None:
    assert retry_after_seconds(value) == seconds


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (str(UNIX + 90), 90),
        (f"{UNIX + 89}.25", 90),
        (str((UNIX + 90) * 1_000), 90),
        (str((UNIX + 90) * 1_000 - 400), 90),
        (str(UNIX - 90), 0),
    ],
)
def test_a_unix_time_in_retry_after_means_that_time(value: str, seconds: int) -> None:
    with time_machine.travel(NOW, tick=False):
        assert retry_after_seconds(value) == seconds
    assert retry_after_seconds(value, format_datetime(NOW, usegmt=True)) == seconds


@pytest.mark.parametrize("value", ["9" * 10, "9" * 20, "9" * 400, "9" * 20 + ".5"])
def test_a_number_that_is_far_too_large_means_a_long_wait(value: str) -> None:
    assert (retry_after_seconds(value) or 0) > RETRY_AFTER_MAX_SECONDS


@pytest.mark.parametrize("zeros", ["0", "00000000000", "000000000000000000120"])
def test_zeros_before_a_number_change_nothing(zeros: str) -> None:
    assert retry_after_seconds(zeros) == int(zeros)


def test_retry_after_as_a_date() -> None:
    at = datetime.now(UTC) + timedelta(seconds=90)
    wait = retry_after_seconds(format_datetime(at, usegmt=True))
    assert wait is not None
    assert 85 <= wait <= 91
    assert retry_after_seconds("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    assert retry_after_seconds("Wed, 21 Oct 2015 07:28:00") == 0, "a date without a zone is in UTC"
    assert retry_after_seconds("Wed, 21 Oct 99999999999999999999 07:28:00 GMT") is None


@pytest.mark.parametrize("template", ["{0:%a, %d %b %Y %T GMT}", "{0:%A, %d-%b-%y %T GMT}", "{0:%a %b %e %T %Y}"])
def test_all_forms_of_a_date_in_http_are_read(template: str) -> None:
    """RFC 9110, section 5.6.7, has three: IMF-fixdate, that of RFC 850, and that of asctime."""
    with time_machine.travel(NOW, tick=False):
        assert asked_seconds(503, [("Retry-After", template.format(NOW + timedelta(seconds=90)))]) == 90


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("5, 10", 10),
        ("10,5", 10),
        ("5, 5, 5", 5),
        ("soon, 5", None),
        ("5, soon", 5),
        ("5, 0.5,", 5),
        (",", None),
        ("5, Mon, 23 Nov 2026 10:01:30 GMT", 90),
        ("Mon, 23 Nov 2026 10:01:30 GMT, Mon, 23 Nov 2026 10:02:00 GMT", 120),
        ("Monday, 23-Nov-26 10:01:30 GMT, 300", 300),
    ],
)
def test_of_several_waits_that_a_proxy_joined_the_longest_counts(value: str, seconds: int | None) -> None:
    with time_machine.travel(NOW, tick=False):
        assert asked_seconds(503, [("Retry-After", value)]) == seconds


@pytest.mark.parametrize(
    ("name", "value", "seconds"),
    [
        ("RateLimit", '"default";r=0;t=30', 30),
        ("RateLimit", '"hour";r=5;t=200, "minute";r=0; t=7', 7),
        ("RateLimit", "limit=100, remaining=0, reset=50", 50),
        ("RateLimit", '"default";r=0', None),
        ("RateLimit", '"default";r=0;pt=30', None),
        ("RateLimit-Reset", "12", 12),
        ("X-RateLimit-Reset-After", "1.5", 2),
        ("X-RateLimit-Reset", "45", 45),
        ("X-RateLimit-Reset", str(UNIX + 90), 90),
        ("X-Rate-Limit-Reset", f"{UNIX + 90}.25", 91),
        ("x-ratelimit-reset", str((UNIX + 90) * 1_000), 90),
        ("X-RateLimit-Reset", str(UNIX - 90), 0),
        ("X-RateLimit-Reset", str(UNIX + 7_200), None),
        ("X-RateLimit-Reset", "60000", None),
        ("X-RateLimit-Reset", "2026-11-23T10:01:00Z", None),
        ("X-RateLimit-Reset", "-5", None),
        ("X-RateLimit-Reset", "9" * 400, None),
        ("X-RateLimit-Reset", "", None),
    ],
)
def test_without_retry_after_a_429_may_say_when_its_limit_ends(name: str, value: str, seconds: int | None) -> None:
    with time_machine.travel(NOW, tick=False):
        assert asked_seconds(429, [("Content-Length", "0"), (name, value)]) == seconds
        assert asked_seconds(503, [(name, value)]) is None, "only 429 says that there is a limit"
        assert asked_seconds(429, [(name, value), ("Retry-After", "3")]) == 3
        assert asked_seconds(429, [(name, value), ("Retry-After", "soon")]) == seconds


def test_a_unix_time_is_read_against_the_clock_of_the_endpoint() -> None:
    fields = [("Date", format_datetime(NOW, usegmt=True)), ("X-RateLimit-Reset", str(UNIX + 40))]
    with time_machine.travel(NOW + timedelta(hours=3), tick=False):
        assert asked_seconds(429, fields) == 40


def test_of_several_limits_the_last_to_end_counts() -> None:
    assert asked_seconds(429, [("RateLimit-Reset", "12"), ("X-RateLimit-Reset", "30"), ("RateLimit", "t=5")]) == 30
