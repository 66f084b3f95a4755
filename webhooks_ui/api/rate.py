"""Limits the requests of each key per clock minute. They are counted in Redis."""

import math
import threading
import time
from dataclasses import dataclass
from typing import NamedTuple

from flask import Flask, Response, current_app, g

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


class Use(NamedTuple):
    """A request of a key that was counted."""

    limit: int  # requests in a minute
    used: int  # of them in this minute, with this one
    seconds_left: int  # of the minute
    ends_at: int  # Unix time

    @property
    def is_over(self) -> bool:
        return self.used > self.limit

    @property
    def headers(self) -> dict[str, str]:
        """What tells the caller how much of the rate is left."""
        return {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(max(0, self.limit - self.used)),
            "X-RateLimit-Reset": str(self.ends_at),
        }


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

    def is_used_up(self, key_id: int, rate_per_minute: int) -> bool:
        """Return True if this process knows that the key has no requests left in this minute."""
        with self._lock:
            minute = self._minutes.get(key_id)
            return minute is not None and minute.ends_at > time.time() and minute.total >= rate_per_minute

    def give_back(self, key_id: int) -> None:
        """Forget one request that was counted, because it will be counted again."""
        with self._lock:
            if minute := self._minutes.get(key_id):
                minute.unsent -= 1


def count_request(key_id: int, rate_per_minute: int) -> None:
    """Count one request of the key.

    Raises:
        Problem: 429 if the key is over its rate in this minute.
    """
    found = use(current_app, key_id, rate_per_minute)
    g.rate_headers = found.headers
    if found.is_over:
        raise Problem(429, headers={"Retry-After": str(found.seconds_left)})


def use(app: Flask, key_id: int, rate_per_minute: int) -> Use:
    """Count one request of the key."""
    now = int(time.time())
    left = MINUTE_SECONDS - now % MINUTE_SECONDS
    return Use(rate_per_minute, rates_of(app).count(key_id, rate_per_minute, now + left), left, now + left)


def rates_of(app: Flask) -> Rates:
    """Return the counts of this process."""
    if "rates" not in app.extensions:
        app.extensions.setdefault("rates", Rates(app.extensions["windows"]))
    rates: Rates = app.extensions["rates"]
    return rates


def add_headers(response: Response) -> Response:
    """Add headers that tell the caller how much of the rate is left."""
    response.headers.update(g.get("rate_headers", {}))
    return response
