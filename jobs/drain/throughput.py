"""Throughput: how many deliveries a worker has finished per second lately."""

import time

AVERAGED_SECONDS = 0.2


class Throughput:
    """A moving average over the groups of results."""

    def __init__(self) -> None:
        self.per_second = 0.0
        self._noted_at = time.monotonic()

    def note(self, finished: int) -> None:
        """Count ``finished`` deliveries since the last call."""
        now = time.monotonic()
        elapsed = max(now - self._noted_at, 1e-3)
        self.per_second += min(1.0, elapsed / AVERAGED_SECONDS) * (finished / elapsed - self.per_second)
        self._noted_at = now
