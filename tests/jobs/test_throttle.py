import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.retry import RETRY_AFTER_MAX_SECONDS, Attempted
from jobs.throttle import (
    DECREASE,
    DOUBLE_AFTER,
    FLOOR_MAX_SECONDS,
    FREE_AFTER,
    RATE_FIRST,
    RATE_FREE,
    RATE_LEAST,
    UNASKED_MAX_SECONDS,
    Throttle,
    slow_down,
    speed_up,
)

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)


def asked(seconds: int | None = 1, at: datetime = NOW, code: int = 429) -> Attempted:
    """Return an answer at ``at`` that asks to wait."""
    started_at = at - timedelta(milliseconds=20)
    return Attempted(False, 1, at, code, seconds, started_at, slows_down=True)


def test_the_webhook_waits_as_long_as_the_endpoint_asks_and_then_sends_one_request_a_second() -> None:
    slowed = slow_down(Throttle(), asked(30))
    assert slowed.until == NOW + timedelta(seconds=30)
    assert slowed.rate == RATE_FIRST


def test_answers_to_requests_from_before_the_pause_count_once() -> None:
    slowed = slow_down(Throttle(), asked(5))
    again = slow_down(slowed, asked(7, NOW + timedelta(seconds=1)))
    assert (again.rate, again.count) == (slowed.rate, slowed.count)
    assert again.until == NOW + timedelta(seconds=8)


def test_the_rate_doubles_each_second_until_the_endpoint_asks_again() -> None:
    throttle = slow_down(Throttle(), asked())
    for rate in (2, 4, 8):
        throttle = speed_up(throttle, int(throttle.rate or 0), NOW)
        assert throttle.rate == rate


def test_after_that_it_falls_by_a_part_and_rises_slowly() -> None:
    throttle = slow_down(Throttle(rate=10.0, until=NOW - timedelta(seconds=1), at=NOW - timedelta(seconds=2)), asked())
    assert throttle.rate == 10 * DECREASE
    risen = speed_up(throttle, 7, NOW)
    assert 7 < (risen.rate or 0) < 8


def test_a_long_time_without_being_asked_lets_it_double_again_and_a_longer_one_sets_it_free() -> None:
    throttle = Throttle(until=NOW, at=NOW, rate=4.0, step=0.2)
    assert speed_up(throttle, 4, NOW + DOUBLE_AFTER * 2).rate == 8
    assert speed_up(throttle, 4, NOW + FREE_AFTER * 2) == Throttle()


@pytest.mark.parametrize("seconds", [60, 1_800])
def test_a_long_pause_is_no_time_in_which_the_endpoint_took_everything(seconds: int) -> None:
    paused = slow_down(Throttle(until=NOW, rate=10.0, step=0.5), asked(seconds, NOW + timedelta(seconds=1)))
    assert paused.until is not None
    risen = speed_up(paused, 7, paused.until + timedelta(seconds=1))
    assert 7 < (risen.rate or 0) < 8


def test_an_endpoint_that_refuses_some_at_any_rate_is_not_sent_less_and_less() -> None:
    throttle, now, succeeded, chance = Throttle(), NOW, 0, random.Random(1)
    while now < NOW + timedelta(hours=1):
        now = max(now, throttle.until or now) + timedelta(seconds=1 / (throttle.rate or RATE_FREE))
        if chance.random() < 0.5:
            throttle = slow_down(throttle, asked(1, now))
        else:
            throttle, succeeded = speed_up(throttle, 1, now), succeeded + 1
    assert succeeded > 0.12 * 3_600


def test_a_webhook_that_earned_enough_is_free() -> None:
    assert speed_up(Throttle(at=NOW, rate=RATE_FREE * 0.9), 400, NOW) == Throttle()


@pytest.mark.parametrize("seconds", [0, 1])
def test_an_endpoint_that_asks_for_no_pause_again_and_again_gets_longer_ones(seconds: int) -> None:
    throttle, pauses = Throttle(), []
    for _ in range(10):
        at = throttle.until or NOW
        throttle = slow_down(throttle, asked(seconds, at + timedelta(seconds=1)))
        pauses.append(((throttle.until or NOW) - (throttle.at or NOW)).total_seconds())
    assert pauses == [1, 2, 4, 8, 16, 32, FLOOR_MAX_SECONDS, FLOOR_MAX_SECONDS, FLOOR_MAX_SECONDS, FLOOR_MAX_SECONDS]


def test_without_a_wish_the_pauses_grow_from_a_second_to_an_hour() -> None:
    throttle, pauses = Throttle(), []
    for _ in range(14):
        at = (throttle.until or NOW) + timedelta(seconds=1)
        throttle = slow_down(throttle, asked(None, at))
        pauses.append(((throttle.until or NOW) - at).total_seconds())
    assert pauses == [*(2**n for n in range(12)), UNASKED_MAX_SECONDS, UNASKED_MAX_SECONDS]


def test_a_success_makes_the_next_pause_short_again() -> None:
    throttle = Throttle(at=NOW, until=NOW, rate=1.0, count=7)
    assert speed_up(throttle, 1, NOW).count == 0


@given(
    steps=st.lists(
        st.one_of(
            st.tuples(st.just("slow"), st.one_of(st.none(), st.integers(0, 10**9))),
            st.tuples(st.just("ok"), st.integers(1, 99)),
        ),
        max_size=30,
    )
)
def test_whatever_an_endpoint_asks_the_rate_and_the_pause_keep_their_bounds(
    steps: list[tuple[str, int | None]],
) -> None:
    throttle, now = Throttle(), NOW
    for what, number in steps:
        now = max(now, throttle.until or now) + timedelta(seconds=1)
        throttle = slow_down(throttle, asked(number, now)) if what == "slow" else speed_up(throttle, number or 1, now)
        assert throttle.rate is None or RATE_LEAST <= throttle.rate < RATE_FREE
        assert throttle.until is None or throttle.until - now <= timedelta(seconds=RETRY_AFTER_MAX_SECONDS)
