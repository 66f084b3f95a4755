from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.pace import BURST, allowed, interval_seconds

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("rate_limit", "period", "rate", "interval"),
    [
        (None, 1, None, None),
        (5, 1, None, 0.2),
        (30, 60, None, 2.0),
        (None, 1, 4.0, 0.25),
        (10, 1, 2.0, 0.5),
        (1, 1, 9.0, 1.0),
    ],
)
def test_the_stricter_of_limit_and_throttle_holds(
    rate_limit: int | None, period: int, rate: float | None, interval: float | None
) -> None:
    assert interval_seconds(rate_limit, period, rate) == interval


def test_nothing_goes_out_before_the_moment_that_the_last_request_left_behind() -> None:
    first = allowed(NOW, None, 1.0, 10)
    assert (first.requests, first.until) == (1, NOW + timedelta(seconds=1))
    assert allowed(NOW + timedelta(seconds=0.9), first.until, 1.0, 10).requests == 0
    assert allowed(NOW + timedelta(seconds=1), first.until, 1.0, 10).requests == 1


def test_a_look_that_comes_late_loses_nothing_within_a_burst() -> None:
    first = allowed(NOW, None, 1.0, 10)
    late = allowed(first.until + BURST / 2, first.until, 1.0, 10)
    assert (late.requests, late.until) == (1, first.until + timedelta(seconds=1))
    later = first.until + timedelta(seconds=5)
    assert allowed(later, first.until, 1.0, 10).until == later - BURST + timedelta(seconds=1)


@given(
    interval=st.floats(0.001, 60),
    looks=st.lists(st.floats(0.001, 5), min_size=1, max_size=60),
    wanted=st.integers(1, 500),
)
def test_no_stretch_of_time_has_more_requests_than_the_rate_and_a_small_burst(
    interval: float, looks: list[float], wanted: int
) -> None:
    now, until, total = NOW, None, 0
    for pause in looks:
        now += timedelta(seconds=pause)
        found = allowed(now, until, interval, wanted)
        if found.requests:
            until = found.until
        total += found.requests
    elapsed = (now - NOW).total_seconds() - looks[0]
    assert total <= (elapsed + BURST.total_seconds()) / interval + 1.001
