"""Limits the requests of each key per clock minute. They are counted in Redis."""

import math
import threading
import time
from dataclasses import dataclass

from flask import Response, current_app, g

from webhooks_ui.database.windows import Windows
from webhooks_ui.web.problem import Problem

MINUTE_SECONDS = 60
ASK_SECONDS = 0.1  # between two round trips to Redis for a key
EXACT_BELOW = 100  # requests that are left: then each of them makes a round trip


@dataclass(slots=True)
class Minute:
    """What a process knows about the requests of a key in one minute."""

    ends_at: int
    total: int = 0  # of all processes, when Redis was asked
    unsent: int = 0  # counted here since then
    asked_at: float = -math.inf  # monotonic time


class Rates:
    """Counts the requests of all keys in this process, and adds them up in Redis. Threads may share it.

    A busy key costs one round trip for many requests, until it comes near its limit.
    """

    def __init__(self, windows: Windows) -> None:
        self._windows = windows
        self._lock = threading.Lock()
        self._minutes: dict[int, Minute] = {}

    def count(self, key_id: int, rate_per_minute: int, ends_at: int) -> int:
        """Count one request. Return how many the key has made in the minute that ends at ``ends_at`` (Unix time)."""
        with self._lock:
            minute = self._minutes.get(key_id)
            if minute is None or minute.ends_at != ends_at:
                minute = self._minutes[key_id] = Minute(ends_at)
            minute.unsent += 1
            used = minute.total + minute.unsent
            if rate_per_minute - used >= EXACT_BELOW and time.monotonic() - minute.asked_at < ASK_SECONDS:
                return used
            amount, minute.unsent = minute.unsent, 0
            minute.asked_at = time.monotonic()
        total = self._windows.add(f"webhooks/api/{key_id}/{ends_at}", amount, MINUTE_SECONDS).total
        with self._lock:
            minute.total = max(minute.total, total)
        return total


def count_request(key_id: int, rate_per_minute: int) -> None:
    """Count one request of the key.

    Raises:
        Problem: 429 if the key is over its rate in this minute.
    """
    now = int(time.time())
    reset_at = now - now % MINUTE_SECONDS + MINUTE_SECONDS
    used = _rates().count(key_id, rate_per_minute, reset_at)
    g.rate_headers = {
        "X-RateLimit-Limit": str(rate_per_minute),
        "X-RateLimit-Remaining": str(max(0, rate_per_minute - used)),
        "X-RateLimit-Reset": str(reset_at),
    }
    if used > rate_per_minute:
        raise Problem(429, headers={"Retry-After": str(reset_at - now)})


def _rates() -> Rates:
    """Return the counts of this process."""
    if "rates" not in current_app.extensions:
        current_app.extensions.setdefault("rates", Rates(current_app.extensions["windows"]))
    rates: Rates = current_app.extensions["rates"]
    return rates


def add_headers(response: Response) -> Response:
    """Add headers that tell the caller how much of the rate is left."""
    response.headers.update(g.get("rate_headers", {}))
    return response
