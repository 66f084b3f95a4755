"""Turn: the time for which a chore works in small steps. Then other chores get theirs."""

import time
from collections.abc import Callable

TURN_SECONDS = 2.0
PAUSE_SECONDS = 0.005  # after each step, so that those who wait for the database go first


def take_turn(*steps: Callable[[], bool]) -> None:
    """Do each of ``steps`` as long as it returns True, for some seconds in all. Each is done once at least."""
    ends_at = time.monotonic() + TURN_SECONDS
    for step in steps:
        while step() and time.monotonic() < ends_at:
            time.sleep(PAUSE_SECONDS)
