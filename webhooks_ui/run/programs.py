"""The programs of ``make run``: what each process runs, how many there are, and how long they may take to end."""

import os
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pkgutil import resolve_name
from typing import Any

from config import OWN_TIMEOUT_MAX_SECONDS
from webhooks_ui.instance_folder import redis_socket
from webhooks_ui.run.title import find_room, set_title

NAMES = ("redis", "web", "worker", "scheduler", "demo")
DEFAULT = ("web", "worker", "scheduler")
WEB = "gunicorn", "--config", "python:webhooks_ui.run.gunicorn_conf", "wsgi:app"
FIRST, USUAL, LAST = 1, 2, 3  # the order in which they start. They end in the opposite order
FORKS = sys.platform == "linux"  # the system libraries of macOS don't work in a forked process


@dataclass(frozen=True)
class Program:
    """What one process runs."""

    name: str
    arguments: tuple[str, ...]  # of ``python -m``
    main: str  # the function that does the same in a process that has loaded the application
    order: int
    patience_seconds: int  # from SIGTERM to SIGKILL

    def load(self) -> None:
        """Import what the program needs, so that forked processes share it."""
        resolve_name(self.main)
        find_room()

    def run(self) -> None:
        """Become this program, in a forked process."""
        if not FORKS:
            os.execv(sys.executable, [sys.executable, "-m", *self.arguments])  # noqa: S606
        sys.argv = list(self.arguments)
        set_title(f"{self.name}: {' '.join(self.arguments)}")
        resolve_name(self.main)()


def programs(settings: Mapping[str, Any], names: Collection[str] = DEFAULT) -> list[Program]:
    """Return the programs with the given names, as many of each as the settings want."""
    finishing = max(settings["REQUEST_TIMEOUT_SECONDS"], OWN_TIMEOUT_MAX_SECONDS) + 10
    instance = settings["INSTANCE_PATH"]
    redis = "webhooks_ui.run.redis_server", str(redis_socket(instance)), str(instance)
    known = {
        "redis": [Program("redis", redis, "webhooks_ui.run.redis_server:main", FIRST, 10)],
        "web": [Program("web", WEB, "webhooks_ui.run.web:main", USUAL, 15)],
        "worker": [
            Program(f"worker-{number}", ("jobs.worker",), "jobs.worker:main", USUAL, finishing)
            for number in range(settings["WORKERS"])
        ],
        "scheduler": [Program("scheduler", ("jobs.scheduler",), "jobs.scheduler:main", USUAL, 10)],
        "demo": [Program("demo", ("webhooks_ui.run.demo",), "webhooks_ui.run.demo:main", LAST, 5)],
    }
    return [program for name in NAMES if name in names for program in known[name]]
