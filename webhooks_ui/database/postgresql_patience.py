"""Connections that a request doesn't wait on for ever.

A server whose disk hangs, or whose processes are stopped, keeps its connections. Its system still answers for it, so
the settings of libpq notice nothing. Only requests have a limit. Commands, workers and chores may run long statements,
and go on when the server does.
"""

import time
from typing import Any

import psycopg

from webhooks_ui.database.for_requests import is_for_requests

ANSWER_SECONDS = 30.0  # for a statement of a request. Proxies wait for 60 seconds


class PatientConnection(psycopg.Connection[Any]):
    """A connection of the driver. One whose server gave no answer in time is closed."""

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        """Wait for the answer to a statement. The driver calls this.

        Raises:
            psycopg.OperationalError: There is none in time. The server may still do what it was told.
        """
        if timeout is not None or not is_for_requests():
            return super().wait(gen, interval, timeout)
        ends_at = time.monotonic() + ANSWER_SECONDS
        try:
            return super().wait(gen, interval, ANSWER_SECONDS)
        except psycopg.OperationalError:
            if time.monotonic() >= ends_at:
                self.pgconn.finish()  # what comes later would be taken for the answer to another statement
            raise
