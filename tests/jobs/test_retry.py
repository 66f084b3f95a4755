from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.retry import Attempted, Decision, Health, decide, is_back_pressure, judge
from webhooks_ui.schedules import SCHEDULES_SECONDS

NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)

DEFAULT = SCHEDULES_SECONDS["default"]


def failed(
    number: int = 1,
    at: datetime = NOW,
    response_code: int | None = 500,
    retry_after_seconds: int | None = None,
    is_probe: bool = False,
) -> Attempted:
    return Attempted(
        succeeded=False,
        number=number,
        at=at,
        response_code=response_code,
        retry_after_seconds=retry_after_seconds,
        is_probe=is_probe,
        slows_down=is_back_pressure(response_code, retry_after_seconds),
    )


def succeeded(number: int = 1) -> Attempted:
    return Attempted(succeeded=True, number=number, at=NOW, response_code=200)


def seconds(decision: Decision) -> float:
    """Return how many seconds after ``NOW`` the next attempt is due."""
    assert decision.due_at is not None
    return (decision.due_at - NOW).total_seconds()


@pytest.mark.parametrize(("number", "delay"), [(1, 60), (2, 300), (3, 900), (4, 3_600)])
def test_the_default_schedule_with_up_to_a_fifth_of_jitter(number: int, delay: int) -> None:
    assert seconds(decide(failed(number), DEFAULT, None, lambda: 0)) == delay
    assert seconds(decide(failed(number), DEFAULT, None, lambda: 1)) == delay * 1.2


def test_after_the_fifth_attempt_it_has_failed() -> None:
    assert decide(failed(5), DEFAULT, None, lambda: 0) == Decision("failed")


def test_the_long_schedule_has_ten_attempts() -> None:
    assert SCHEDULES_SECONDS["long"] == (0, 5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
    assert seconds(decide(failed(9), SCHEDULES_SECONDS["long"], None, lambda: 0)) == 86_400
    assert decide(failed(10), SCHEDULES_SECONDS["long"], None, lambda: 0).status == "failed"


def test_a_success_is_final() -> None:
    assert decide(succeeded(3), DEFAULT, None, lambda: 0) == Decision("delivered")


def test_one_more_attempt_is_one() -> None:
    assert seconds(decide(failed(5), DEFAULT, 6, lambda: 0)) == DEFAULT[-1]
    assert decide(failed(6), DEFAULT, 6, lambda: 0).status == "failed"


def test_a_delivery_may_have_fewer_attempts_than_its_schedule() -> None:
    assert seconds(decide(failed(1), DEFAULT, 2, lambda: 0)) == DEFAULT[1]
    assert decide(failed(2), DEFAULT, 2, lambda: 0).status == "failed"


def test_none_and_zero_mean_as_many_attempts_as_the_schedule_has() -> None:
    for allowed in (None, 0):
        assert seconds(decide(failed(4), DEFAULT, allowed, lambda: 0)) == DEFAULT[4]
        assert decide(failed(5), DEFAULT, allowed, lambda: 0).status == "failed"


@pytest.mark.parametrize("code", [429, 503])
def test_retry_after_is_honoured_up_to_a_day(code: int) -> None:
    def asked(wait: int) -> float:
        return seconds(decide(failed(response_code=code, retry_after_seconds=wait), DEFAULT, None, lambda: 0))

    assert (asked(7), asked(500), asked(10**9)) == (7, 500, 24 * 3_600)


@pytest.mark.parametrize(("asked", "next_after"), [(7, 60), (500, 500), (10**9, 24 * 3_600)])
def test_retry_after_on_other_codes_is_a_floor_under_the_schedule(asked: int, next_after: int) -> None:
    assert seconds(decide(failed(retry_after_seconds=asked), DEFAULT, None, lambda: 0)) == next_after


def test_410_is_final_and_makes_the_webhook_inactive() -> None:
    assert decide(failed(response_code=410), DEFAULT, None, lambda: 0).status == "failed"
    assert judge(Health(), failed(response_code=410), 10).disabled_reason == "The endpoint answered 410 Gone."


def test_the_breaker_opens_at_the_threshold_and_a_success_closes_it() -> None:
    health = Health()
    for _ in range(9):
        health = judge(health, failed(), 10)
    assert health.breaker_opened_at is None
    health = judge(health, failed(), 10)
    assert (health.breaker_opened_at, health.probe_at) == (NOW, NOW + timedelta(seconds=60))
    assert judge(health, succeeded(), 10) == Health()


def test_probes_come_with_growing_pauses_up_to_an_hour() -> None:
    health, pauses = Health(consecutive_failures=9), []
    for _ in range(9):
        health = judge(health, failed(is_probe=health.breaker_opened_at is not None), 10)
        assert health.probe_at is not None
        pauses.append((health.probe_at - NOW).total_seconds())
    assert pauses == [60, 120, 240, 480, 960, 1_920, 3_600, 3_600, 3_600]


def test_what_was_under_way_when_the_breaker_opened_does_not_move_the_probe() -> None:
    health = judge(Health(consecutive_failures=9), failed(), 10)
    assert judge(health, failed(), 10).probe_at == health.probe_at


def test_failing_for_five_days_makes_it_inactive() -> None:
    health = judge(Health(), failed(), 10)
    almost = NOW + timedelta(days=5, seconds=-1)
    assert judge(health, failed(at=almost), 10).disabled_reason is None
    reason = judge(health, failed(at=NOW + timedelta(days=5)), 10).disabled_reason
    assert reason == "Every attempt has failed since 2026-11-23 10:00 UTC."


def test_days_in_which_nothing_was_sent_prove_nothing() -> None:
    health, at = judge(Health(), failed(), 10), NOW + timedelta(days=30)
    assert judge(health, failed(at=at), 10, at).disabled_reason is None
    assert judge(health, failed(at=at), 10, at - timedelta(days=5)).disabled_reason


@given(st.integers(1, 30), st.sampled_from(sorted(SCHEDULES_SECONDS)), st.floats(0, 1), st.integers(0, 10**12))
def test_a_next_attempt_is_never_earlier_and_at_most_a_day_and_a_fifth_away(
    number: int, schedule: str, random: float, wait: int
) -> None:
    for code in (None, 429, 500, 503):
        attempt = failed(number, response_code=code, retry_after_seconds=wait)
        decision = decide(attempt, SCHEDULES_SECONDS[schedule], None, lambda: random)
        least = 0 if attempt.slows_down else 1  # jobs.throttle holds the webhook back
        assert decision.status == "failed" or least <= seconds(decision) <= 86_400 * 1.2


def test_a_test_that_is_refused_says_nothing_about_real_events() -> None:
    health = Health(consecutive_failures=9, failing_since=NOW)
    assert judge(health, replace(failed(), is_test=True), 10) == health
    assert judge(health, replace(failed(response_code=410), is_test=True), 10).disabled_reason
    assert judge(health, replace(succeeded(), is_test=True), 10) == Health()
