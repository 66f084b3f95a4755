"""Connections that a request doesn't wait on for ever.

A server whose disk hangs, or whose processes are stopped, keeps its connections. Its system still answers for it, so
the settings of libpq notice nothing. Only requests have a limit. Commands, workers and chores may run long statements,
and go on when the server does.
"""

import math
import time
from typing import Any

import psycopg

from webhooks_ui.database.for_requests import is_for_requests

ANSWER_SECONDS = 30.0  # for a statement of a request. Proxies wait for 60 seconds
AGAIN_SECONDS = 5.0  # the same after one got no answer, for as long. Others have waited behind that one

_silent_at = -math.inf  # when a statement of this process last got no answer, on the monotonic clock


class PatientConnection(psycopg.Connection[Any]):
    """A connection of the driver. One whose server gave no answer in time is closed."""

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        """Wait for the answer to a statement. The driver calls this.

        Raises:
            psycopg.OperationalError: There is none in time. The server may still do what it was told.
        """
        global _silent_at
        if timeout is not None or not is_for_requests():
            return super().wait(gen, interval, timeout)
        began = time.monotonic()
        seconds = AGAIN_SECONDS if began < _silent_at + ANSWER_SECONDS else ANSWER_SECONDS
        try:
            return super().wait(gen, interval, seconds)
        except psycopg.OperationalError:
            if time.monotonic() >= began + seconds:
                _silent_at = time.monotonic()
                self.pgconn.finish()  # what comes later would be taken for the answer to another statement
            raise
