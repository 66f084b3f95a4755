"""Pace: how many deliveries a worker finishes a second, of late."""

import time

AVERAGED_SECONDS = 0.2


class Pace:
    """Told of each group that finished."""

    def __init__(self) -> None:
        self.per_second = 0.0
        self._noted_at = time.monotonic()

    def note(self, finished: int) -> None:
        now = time.monotonic()
        elapsed = max(now - self._noted_at, 1e-3)
        self.per_second += min(1.0, elapsed / AVERAGED_SECONDS) * (finished / elapsed - self.per_second)
        self._noted_at = now
