"""The settings of gunicorn: ``gunicorn --config python:webhooks_ui.run.gunicorn_conf wsgi:app``."""

import gc
import os
import resource
import signal
import sys
import time
from typing import Any

from gunicorn.arbiter import Arbiter

from config import ConfigError, load
from webhooks_ui.app import is_ahead
from webhooks_ui.die_with_parent import die_with_parent
from webhooks_ui.run.addresses import check_host
from webhooks_ui.run.door.worker import DoorWorker, Limits
from webhooks_ui.run.say import say

SWITCH_SECONDS = 0.0005
TURN_SECONDS = 2.0
FILES_MAX = 65_536  # macOS refuses a limit without an end
FILES_BESIDE_CONNECTIONS = 256

try:
    _settings = load()
    check_host(_settings["HOST"])
except ConfigError as error:
    sys.exit(f"Error: {error}")
_host = f"[{_settings['HOST']}]" if ":" in _settings["HOST"] else _settings["HOST"]

bind = f"{_host}:{_settings['PORT']}"


class Worker(DoorWorker):
    limits = Limits(
        head_seconds=_settings["REQUEST_HEAD_SECONDS"],
        body_seconds=_settings["REQUEST_BODY_SECONDS"],
        body_max_bytes=_settings["MAX_CONTENT_LENGTH"],
    )

    def init_signals(self) -> None:
        """Heed signals, also those that came since ``pre_fork``."""
        super().init_signals()
        _heed_signals()

    def load_wsgi(self) -> None:
        """Make the app. If it says why it can't be made, end the server, which would else start workers for ever."""
        try:
            super().load_wsgi()
        except SystemExit as error:
            say(str(error.code), sys.stderr)
            self._wait_for_its_turn()
            sys.exit(Arbiter.WORKER_BOOT_ERROR if self.alive else 0)

    def _wait_for_its_turn(self) -> None:
        """Wait until gunicorn has noticed the error of an earlier worker. At a second one it would show a traceback."""
        until = time.monotonic() + TURN_SECONDS * ((self.age - 1) % workers)
        while self.alive and time.monotonic() < until:
            time.sleep(0.05)


def raise_file_limit() -> int:
    """Let this process and its children open as many files as the system lets them. Return how many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES_MAX if hard == resource.RLIM_INFINITY else min(hard, FILES_MAX)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return FILES_MAX
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted


def heartbeat_folder() -> str | None:
    """Return a folder for the empty file that each process touches every second. In memory, it waits for no disk.

    ``None`` is the temporary folder. To find that, Python writes to it, which fails on a full disk.
    """
    folders = "/dev/shm", str(_settings["INSTANCE_PATH"])  # noqa: S108
    return next((folder for folder in folders if os.access(folder, os.W_OK | os.X_OK)), None)


worker_class = Worker
workers = _settings["WEB_PROCESSES"]
threads = _settings["WEB_THREADS"]
# As many again may be closing.
worker_connections = min(_settings["WEB_CONNECTIONS"], (raise_file_limit() - FILES_BESIDE_CONNECTIONS) // 2)
forwarded_allow_ips = ""  # TRUSTED_PROXIES alone says whose headers count
worker_tmp_dir = heartbeat_folder()
preload_app = not is_ahead()  # the processes share the memory of the loaded code
reuse_port = True  # a new server can listen while the old one stops
keepalive = 15
graceful_timeout = 10
limit_request_line = 8_190  # the maximum of gunicorn, because the log polls with a mark for each unfinished row
limit_request_field_size = 8_190
loglevel = "warning"
control_socket_disable = True


def on_starting(_server: Any) -> None:
    die_with_parent()
    os.register_at_fork(after_in_parent=_heed_signals)


def pre_fork(_server: Any, _worker: Any) -> None:
    """Hold signals back until the new worker heeds them.

    It has the handlers of its parent at first, and then none. A SIGTERM would be lost or end it at once, although its
    listener may have connections already.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, Worker.SIGNALS)


def _heed_signals() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, Worker.SIGNALS)


def when_ready(_server: Any) -> None:
    """Exclude the loaded code from garbage collection, before the workers are forked.

    Otherwise a full collection would pause a worker for 100 ms and end the sharing of the memory that it touches.
    """
    if not is_ahead():  # else the supervisor has done so
        gc.collect()
        gc.freeze()


def post_worker_init(_worker: Any) -> None:
    """Make Python switch threads sooner.

    A request waits many times for a short answer. After each wait, its thread could wait 5 ms more for the interpreter.
    """
    sys.setswitchinterval(SWITCH_SECONDS)
