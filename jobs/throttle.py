"""Throttle: what follows when an endpoint asks us to slow down. Pure.

The webhook pauses for as long as the endpoint asks. After that it sends one request a second, and earns more while it
succeeds: the rate doubles until the endpoint asks again, then it rises slowly from a part of the rate that was too much
(additive increase, multiplicative decrease). So it settles near what the endpoint takes.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from jobs.retry import RETRY_AFTER_MAX_SECONDS, Attempted

RATE_FIRST = 1.0  # requests a second, after the first pause
RATE_LEAST = 0.5  # pauses do the rest: they grow while nothing succeeds
RATE_FREE = 500.0  # a webhook that earned this much is no longer held back
DECREASE = 0.7  # the part of the rate that is left
INCREASE = 0.05  # of the rate after the decrease, a second
FLOOR_MAX_SECONDS = 60  # of a pause, for endpoints that ask again and again for none
UNASKED_MAX_SECONDS = 3_600  # of a pause, for endpoints that refuse again and again and name no time
DOUBLE_AFTER = timedelta(seconds=30)  # since the last pause: the endpoint may take much more by now
FREE_AFTER = timedelta(minutes=10)  # likewise: then nothing is held back any more


@dataclass(frozen=True)
class Throttle:
    """What a webhook's endpoint asked for, and what it has earned since."""

    until: datetime | None = None  # nothing goes out before
    at: datetime | None = None  # when the endpoint asked last
    rate: float | None = None  # requests a second. None: as many as go
    step: float | None = None  # what a second of success adds to the rate. None: it doubles
    count: int = 0  # how often the endpoint asked without a success in between


def slow_down(throttle: Throttle, attempt: Attempted) -> Throttle:
    """Return what follows from an answer that asks to slow down.

    Requests that were under way when the endpoint asked get the same answer, and so do those that other workers sent
    before they knew. They don't count again.
    """
    if throttle.until is not None and attempt.started_at < throttle.until:
        asked = timedelta(seconds=min(attempt.retry_after_seconds or 0, RETRY_AFTER_MAX_SECONDS))
        return replace(throttle, until=max(throttle.until, attempt.at + asked))
    count = throttle.count + 1
    slowed = replace(
        throttle, until=attempt.at + timedelta(seconds=_pause(attempt.retry_after_seconds, count)), at=attempt.at
    )
    if throttle.rate is None:
        return replace(slowed, rate=RATE_FIRST, step=None, count=count)
    rate = max(RATE_LEAST, throttle.rate * DECREASE)
    return replace(slowed, rate=rate, step=rate * INCREASE, count=count)


def speed_up(throttle: Throttle, successes: int, now: datetime) -> Throttle:
    """Return what follows from answers that were successes."""
    if throttle.rate is None:
        return Throttle()
    quiet = now - (throttle.until or now)
    step = None if quiet > DOUBLE_AFTER else throttle.step
    used_seconds = successes / throttle.rate
    rate = throttle.rate + used_seconds * (throttle.rate if step is None else step)
    if rate >= RATE_FREE or quiet > FREE_AFTER:
        return Throttle()
    return replace(throttle, rate=rate, step=step, count=0)


def _pause(asked_seconds: int | None, count: int) -> float:
    """Return how many seconds to wait: as the endpoint asks, but each time twice as long until something succeeds.

    Many limits name no time, and are over within a second (such as that of nginx).
    """
    floor = min(2 ** min(count - 1, 16), UNASKED_MAX_SECONDS if asked_seconds is None else FLOOR_MAX_SECONDS)
    return float(min(max(asked_seconds or 0, floor), RETRY_AFTER_MAX_SECONDS))
