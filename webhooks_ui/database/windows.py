"""Counts of what happened within a time, in Redis for all processes. While Redis is down, each process counts alone."""

import time
from functools import cached_property
from typing import NamedTuple

from limits.storage import MemoryStorage
from redis import Redis, RedisError

# Returns the count and the seconds until it is forgotten. In one step, because a process may be killed between two.
_ADD = """
local used = redis.call('INCRBY', KEYS[1], ARGV[1])
if redis.call('TTL', KEYS[1]) < 0 then redis.call('EXPIRE', KEYS[1], ARGV[2]) end
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

    @cached_property
    def _own(self) -> MemoryStorage:
        """Made at its first use, because it has a thread, and a process with threads must not fork."""
        return MemoryStorage()

    def add(self, key: str, amount: int, seconds: int) -> Window:
        """Change the count of ``key`` by ``amount``, and return it.

        Args:
            seconds: after this time from the first change, the count is forgotten.
        """
        try:
            count, left = self.redis.eval(_ADD, 1, key, amount, seconds)
            return Window(int(count), int(left), is_shared=True)
        except RedisError:
            count = self._own.incr(key, seconds, amount)
            return Window(count, max(1, round(self._own.get_expiry(key) - time.time())), is_shared=False)
