"""Counts of what happened within a time, in Redis for all processes. While Redis is down, each process counts alone."""

import threading
import time
from typing import NamedTuple

from limits.storage import MemoryStorage
from redis import Redis, RedisError

# Returns the count and the seconds until it is forgotten. In one step, because a process may be killed between two.
# Redis expires keys by the wall clock. If that was set back, a count would stay for as long.
_ADD = """
local used = redis.call('INCRBY', KEYS[1], ARGV[1])
if used < 0 then redis.call('DEL', KEYS[1]) return {0, 0} end
local left = redis.call('TTL', KEYS[1])
if left < 0 or left > tonumber(ARGV[2]) then redis.call('EXPIRE', KEYS[1], ARGV[2]) end
return {used, redis.call('TTL', KEYS[1])}
"""


class Window(NamedTuple):
    """A count that is forgotten at the end of its time."""

    total: int
    seconds_left: int
    is_shared: bool  # False: it is the total of this process alone


class Windows:
    """The counts that a process sees. Threads may share it."""

    def __init__(self, redis: Redis) -> None:
        self.redis = redis
        self._own: MemoryStorage | None = None
        self._lock = threading.Lock()

    def add(self, key: str, amount: int, seconds: int) -> Window:
        """Change the count of ``key`` by ``amount``, and return it. It is never below 0.

        What is taken back may have been forgotten meanwhile, and nobody is to have more for that.

        Args:
            seconds: after this time from the first change, the count is forgotten.
        """
        try:
            count, left = self.redis.eval(_ADD, 1, key, amount, seconds)
            return Window(int(count), int(left), is_shared=True)
        except RedisError:
            own = self._own_counts()
            count = own.incr(key, seconds, amount)
            if count < 0:
                own.clear(key)
                return Window(0, 0, is_shared=False)
            return Window(count, max(1, round(own.get_expiry(key) - time.time())), is_shared=False)

    def _own_counts(self) -> MemoryStorage:
        """Return the counts of this process. They are made late: they have a thread, with which nothing may fork."""
        with self._lock:
            if self._own is None:
                self._own = MemoryStorage()
            return self._own
