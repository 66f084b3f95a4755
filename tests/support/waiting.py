"""Waits in tests by polling with a deadline, instead of sleeping for a fixed time."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

PAUSE_SECONDS = 0.02
PATIENCE_SECONDS = 60.0  # long, so that no test fails only because the machine is busy


def wait_for(condition: Callable[[], T], seconds: float = PATIENCE_SECONDS, what: str = "the condition holds") -> T:
    """Poll ``condition`` until its result is true. Return that result.

    Raises:
        TimeoutError: The condition wasn't true within ``seconds``. The message names it by ``what``.
    """
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"This did not happen within {seconds} s: {what}.")
        time.sleep(PAUSE_SECONDS)
    return value
