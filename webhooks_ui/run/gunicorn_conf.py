"""gunicorn's settings: ``gunicorn --config python:webhooks_ui.run.gunicorn_conf wsgi:app``."""

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
preload_app = True  # the workers share the memory of what is loaded once
reuse_port = True  # a successor can listen while its predecessor ends
keepalive = 15
graceful_timeout = 10
limit_request_line = 8_190  # the most that it allows: the log polls with a mark for each unfinished row
limit_request_field_size = 8_190
loglevel = "warning"
control_socket_disable = True


def on_starting(_server: Any) -> None:
    die_with_parent()


def when_ready(_server: Any) -> None:
    """Before the workers are forked: don't look through what is loaded for garbage again and again.

    A full collection would pause a worker for 100 ms, and unshare the memory that it touches.
    """
    gc.collect()
    gc.freeze()


def post_worker_init(_worker: Any) -> None:
    """Let a thread whose answer came go on soon: a request is many short waits, and each could cost Python's 5 ms."""
    sys.setswitchinterval(SWITCH_SECONDS)
