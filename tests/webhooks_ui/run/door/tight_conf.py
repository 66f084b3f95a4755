"""The settings of gunicorn with little memory, for a test."""

from dataclasses import replace

from webhooks_ui.run.gunicorn_conf import *  # noqa: F403
from webhooks_ui.run.gunicorn_conf import Worker

HELD_MAX_BYTES = 512 * 1024

Worker.limits = replace(Worker.limits, held_max_bytes=HELD_MAX_BYTES)
