"""The settings of gunicorn: ``gunicorn --config python:webhooks_ui.run.gunicorn_conf wsgi:app``."""

import gc
import sys
from typing import Any

from config import load
from webhooks_ui.die_with_parent import die_with_parent

SWITCH_SECONDS = 0.0005

_settings = load()
_host = f"[{_settings['HOST']}]" if ":" in _settings["HOST"] else _settings["HOST"]

bind = f"{_host}:{_settings['PORT']}"
worker_class = "gthread"
workers = 2
threads = 4
preload_app = True  # the workers share the memory of the loaded code
reuse_port = True  # a new server can listen while the old one stops
keepalive = 15
graceful_timeout = 10
limit_request_line = 8_190  # the maximum of gunicorn, because the log polls with a mark for each unfinished row
limit_request_field_size = 8_190
loglevel = "warning"
control_socket_disable = True


def on_starting(_server: Any) -> None:
    die_with_parent()


def when_ready(_server: Any) -> None:
    """Exclude the loaded code from garbage collection, before the workers are forked.

    Otherwise a full collection would pause a worker for 100 ms and end the sharing of the memory that it touches.
    """
    gc.collect()
    gc.freeze()


def post_worker_init(_worker: Any) -> None:
    """Make Python switch threads sooner.

    A request waits many times for a short answer. After each wait, its thread could wait 5 ms more for the interpreter.
    """
    sys.setswitchinterval(SWITCH_SECONDS)
