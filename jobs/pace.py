"""Pace: how many requests may go to a webhook now, by its rate limit and by what its endpoint takes. Pure.

It is the generic cell rate algorithm (ITU-T I.371): each request moves a moment, and while that is in the future
nothing goes out. The moment is kept with the webhook, so that all workers together keep the rate.
"""

from datetime import datetime, timedelta
from typing import NamedTuple

from jobs.throttle import RATE_LEAST

BURST = timedelta(seconds=0.1)  # that may be caught up with: a worker looks for work now and then


class Allowed(NamedTuple):
    """How many requests may go out, and the moment to keep if that many go."""

    requests: int
    until: datetime


def interval_seconds(rate_limit: int | None, period_seconds: int, rate: float | None) -> float | None:
    """Return the seconds between two requests, or ``None`` without any limit.

    Args:
        rate_limit: requests in ``period_seconds`` that the webhook's setting allows.
        rate: requests a second that its endpoint takes, so far as it asked to slow down.
    """
    own = period_seconds / rate_limit if rate_limit else 0.0
    earned = 1 / max(rate, RATE_LEAST) if rate else 0.0
    return max(own, earned) or None


def allowed(now: datetime, paced_until: datetime | None, interval: float, wanted: int) -> Allowed:
    """Return how many of ``wanted`` requests may go out now.

    Args:
        paced_until: the moment that the last ones left behind.
        interval: seconds between two requests.
    """
    base = max(paced_until or now, now - BURST)
    if base > now or wanted <= 0:
        return Allowed(0, base)
    requests = min(wanted, int((now - base).total_seconds() / interval) + 1)
    return Allowed(requests, until_after(now, paced_until, interval, requests))


def until_after(now: datetime, paced_until: datetime | None, interval: float, requests: int) -> datetime:
    """Return the moment that ``requests`` at ``now`` leave behind."""
    base = max(paced_until or now, now - BURST)
    return max(base + timedelta(seconds=requests * interval), now)
