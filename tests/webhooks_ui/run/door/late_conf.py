"""The settings of gunicorn with a second process that is late."""

import time
from typing import Any

from webhooks_ui.run.gunicorn_conf import *  # noqa: F403

LATE_SECONDS = 1.0
graceful_timeout = 60  # a process that misses the signal to stop is not killed while the test looks


def post_fork(_server: Any, worker: Any) -> None:
    if worker.age == 2:
        time.sleep(LATE_SECONDS)
