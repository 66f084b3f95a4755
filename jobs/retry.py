"""Retry: decide from an outcome and a history what follows. The functions are pure, and import nothing of ours."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

JITTER = 0.2  # the largest part of a delay that is added to it at random
RETRY_AFTER_MAX_SECONDS = 24 * 3_600
TOO_MANY_REQUESTS = 429
UNAVAILABLE = 503
GONE = 410
PROBE_FIRST_SECONDS = 60
PROBE_MAX_SECONDS = 3_600
DISABLE_AFTER = timedelta(days=5)
SILENCE_MAX = timedelta(days=2)  # between attempts that show that an endpoint is dead. No usual schedule pauses longer
NEVER = datetime.max.replace(tzinfo=UTC)


def is_back_pressure(response_code: int | None, retry_after_seconds: int | None) -> bool:
    """Return True if an answer asks us to slow down: 429, or 503 with Retry-After (RFC 6585, 4; RFC 9110, 15.6.4)."""
    asks = response_code == UNAVAILABLE and retry_after_seconds is not None
    return asks or response_code == TOO_MANY_REQUESTS


@dataclass(frozen=True, slots=True)
class Attempted:
    """An attempt that is over."""

    succeeded: bool
    number: int  # from 1; those that use up none of the schedule don't count
    at: datetime  # when it was over
    response_code: int | None = None
    retry_after_seconds: int | None = None
    started_at: datetime = NEVER
    is_probe: bool = False  # sent to check whether an endpoint with an open breaker is back
    gone: str = ""  # why the endpoint will never take a request again, in a sentence
    is_test: bool = False  # perhaps of a type that the webhook doesn't want
    slows_down: bool = False  # the endpoint asks us to slow down, which is no failure
    given_up: datetime | None = None  # when its delivery was made, if it is given up because of that
    webhook_id: int = 0
    url: str = ""  # that the webhook had when it was sent
    delivery_id: int = 0
    duration_ms: int = 0
    outcome: str = ""
    text: str = ""  # why it failed (see webhooks.causes)

    @property
    def is_gone(self) -> bool:
        """Whether the endpoint says that it is gone for good."""
        return bool(self.gone) or self.response_code == GONE


def at_old_url(attempt: Attempted) -> Attempted:
    """Return what an attempt means for the next one at another URL. That its endpoint is gone or busy says nothing."""
    return replace(attempt, gone="", response_code=None, retry_after_seconds=None)


@dataclass(frozen=True)
class Decision:
    """What follows for a delivery: a final status, or the time of the next attempt."""

    status: str  # delivered, failed or pending
    due_at: datetime | None = None


@dataclass(frozen=True)
class Health:
    """What the last attempts of a webhook say about its endpoint."""

    consecutive_failures: int = 0
    failing_since: datetime | None = None
    breaker_opened_at: datetime | None = None
    probe_at: datetime | None = None
    probes_failed: int = 0
    disabled_reason: str | None = None  # if it is set, the webhook becomes inactive


def decide(
    attempt: Attempted,
    delays: Sequence[int],
    allowed: int | None,
    random: Callable[[], float],
    give_up_at: datetime = NEVER,
) -> Decision:
    """Return what follows for the delivery.

    An endpoint that asks to slow down uses up no attempt. How long the webhook waits then is decided in jobs.throttle.
    For other answers Retry-After is a floor under the schedule.

    Args:
        delays: the retry schedule, in seconds: the delay before the first attempt, before the second one, and so on.
        allowed: how many attempts the delivery may have. ``None`` and 0 mean as many as ``delays`` has.
        random: returns a number from 0 to 1 for the jitter.
        give_up_at: until when it may wait for an endpoint that asks to slow down.
    """
    if attempt.succeeded:
        return Decision("delivered")
    asked = min(attempt.retry_after_seconds or 0, RETRY_AFTER_MAX_SECONDS)
    if attempt.slows_down:
        if attempt.at >= give_up_at:
            return Decision("failed")
        return Decision("pending", attempt.at + timedelta(seconds=asked))
    if attempt.is_gone or attempt.number >= (allowed or len(delays)):
        return Decision("failed")
    seconds = delays[min(attempt.number, len(delays) - 1)] * (1 + JITTER * random())
    return Decision("pending", attempt.at + timedelta(seconds=max(seconds, asked)))


def judge(health: Health, attempt: Attempted, threshold: int, tried_since: datetime | None = None) -> Health:
    """Return the health of the webhook after ``attempt``.

    After ``threshold`` failures in a row its breaker opens. Its deliveries wait, and single probes go out with growing
    pauses until one succeeds. An endpoint that asks to slow down changes nothing, and neither does one that refuses a
    test, since it may take what the webhook wants. One that is gone makes the webhook inactive, and so do five days
    without a success. Days in which nothing was sent prove nothing.

    Args:
        threshold: how many failures in a row open the breaker.
        tried_since: since when attempts have followed each other within ``SILENCE_MAX``. ``None``: since the first
            failure.
    """
    if attempt.succeeded:
        return Health()
    if attempt.slows_down or (attempt.is_test and not attempt.is_gone):
        return health
    failures = health.consecutive_failures + 1
    since = health.failing_since or attempt.at
    failed = replace(health, consecutive_failures=failures, failing_since=since)
    if attempt.is_gone:
        return replace(failed, disabled_reason=attempt.gone or "The endpoint answered 410 Gone.")
    if attempt.at - max(since, tried_since or since) >= DISABLE_AFTER:
        reason = f"Every attempt has failed since {since:%Y-%m-%d %H:%M} UTC."
        return replace(failed, disabled_reason=reason)
    if health.breaker_opened_at is None and failures < threshold:
        return failed
    if health.breaker_opened_at is not None and not attempt.is_probe:
        return failed  # the attempt was in flight when the breaker opened
    probes_failed = health.probes_failed + attempt.is_probe
    pause = min(PROBE_FIRST_SECONDS * 2**probes_failed, PROBE_MAX_SECONDS)
    return replace(
        failed,
        breaker_opened_at=health.breaker_opened_at or attempt.at,
        probe_at=attempt.at + timedelta(seconds=pause),
        probes_failed=probes_failed,
    )
