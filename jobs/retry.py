"""Retry: an outcome and a history in, the next time or a final state out. Pure; imports nothing of ours."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

JITTER = 0.2  # the part of a delay that is added at most
RETRY_AFTER_MAX_SECONDS = 24 * 3_600
RETRY_AFTER_CODES = (429, 503)
GONE = 410
PROBE_FIRST_SECONDS = 60
PROBE_MAX_SECONDS = 3_600
DISABLE_AFTER = timedelta(days=5)


@dataclass(frozen=True)
class Attempted:
    """An attempt that is over."""

    succeeded: bool
    number: int  # from 1
    at: datetime
    response_code: int | None = None
    retry_after_seconds: int | None = None
    is_probe: bool = False  # sent to see whether an endpoint behind an open breaker is back


@dataclass(frozen=True)
class Decision:
    """What becomes of a delivery: a final status, or when to try again."""

    status: str  # delivered, failed or pending
    due_at: datetime | None = None


@dataclass(frozen=True)
class Health:
    """What a webhook's last attempts say of its endpoint."""

    consecutive_failures: int = 0
    failing_since: datetime | None = None
    breaker_opened_at: datetime | None = None
    probe_at: datetime | None = None
    probes_failed: int = 0
    disabled_reason: str | None = None  # set: make the webhook inactive


def decide(attempt: Attempted, delays: Sequence[int], allowed: int | None, random: Callable[[], float]) -> Decision:
    """What follows for the delivery.

    Args:
        delays: the retry schedule, in seconds: before the first attempt, the second one, …
        allowed: how many attempts the delivery may have. ``None``: as many as ``delays``.
        random: gives a number from 0 to 1 for the jitter.
    """
    if attempt.succeeded:
        return Decision("delivered")
    if attempt.response_code == GONE or attempt.number >= (allowed or len(delays)):
        return Decision("failed")
    seconds = delays[min(attempt.number, len(delays) - 1)] * (1 + JITTER * random())
    if attempt.response_code in RETRY_AFTER_CODES and attempt.retry_after_seconds is not None:
        asked = max(1, attempt.retry_after_seconds) * (1 + JITTER * random())
        seconds = min(asked, RETRY_AFTER_MAX_SECONDS)
    return Decision("pending", attempt.at + timedelta(seconds=seconds))


def judge(health: Health, attempt: Attempted, threshold: int) -> Health:
    """What follows for the webhook.

    ``threshold`` failures in a row open its breaker: its deliveries wait, and one probe goes out with growing pauses
    until one succeeds. 410, or failing for five days, makes it inactive.
    """
    if attempt.succeeded:
        return Health()
    failures = health.consecutive_failures + 1
    since = health.failing_since or attempt.at
    failed = replace(health, consecutive_failures=failures, failing_since=since)
    if attempt.response_code == GONE:
        return replace(failed, disabled_reason="The endpoint answered 410 Gone.")
    if attempt.at - since >= DISABLE_AFTER:
        reason = f"Every attempt has failed since {since:%Y-%m-%d %H:%M} UTC."
        return replace(failed, disabled_reason=reason)
    if health.breaker_opened_at is None and failures < threshold:
        return failed
    if health.breaker_opened_at is not None and not attempt.is_probe:
        return failed  # it was under way when the breaker opened
    probes_failed = health.probes_failed + attempt.is_probe
    pause = min(PROBE_FIRST_SECONDS * 2**probes_failed, PROBE_MAX_SECONDS)
    return replace(
        failed,
        breaker_opened_at=health.breaker_opened_at or attempt.at,
        probe_at=attempt.at + timedelta(seconds=pause),
        probes_failed=probes_failed,
    )
