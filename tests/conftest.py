"""Fixtures: an app on a fresh database, a real embedded Redis, clients, and a guard on the network."""

import contextlib
import ipaddress
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import psutil
import pytest
from flask import Flask
from flask.testing import FlaskClient
from redis import Redis, RedisError

from tests.support.factories import make_user
from tests.support.receivers import Receiver, receiving
from webhooks_ui import create_app
from webhooks_ui.database import db
from webhooks_ui.models import User
from webhooks_ui.run import redis_server

T = TypeVar("T")
PASSWORD = "correct horse battery"
RUN_MARK = "WEBHOOKS_TEST_RUN"


class OutsideConnection(RuntimeError):
    """A test tried to reach something that is not on this machine."""


def refuse_outside(event: str, arguments: tuple[object, ...]) -> None:
    """An audit hook: raise before a packet leaves for anything but loopback or a Unix socket."""
    if event not in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        return
    address = arguments[1]
    if not isinstance(address, tuple):
        return
    host = str(address[0]).partition("%")[0]
    try:
        local = ipaddress.ip_address(host).is_loopback
    except ValueError:
        local = host in ("localhost", "")
    if not local:
        raise OutsideConnection(f"a test tried to reach {address}")


sys.addaudithook(refuse_outside)


def wait_for(condition: Callable[[], T], seconds: float = 10.0, message: str = "") -> T:
    """Poll ``condition`` until it holds, and return what it gave; fail after ``seconds``."""
    deadline = time.monotonic() + seconds
    while True:
        if value := condition():
            return value
        if time.monotonic() > deadline:
            pytest.fail(message or f"not so within {seconds} s")
        time.sleep(0.02)


def pytest_configure() -> None:
    """Mark all processes of this run, by a variable that they inherit."""
    os.environ.setdefault(RUN_MARK, secrets.token_hex(8))


def processes_left() -> list[psutil.Process]:
    """Return the processes that this run started and that outlive it."""
    ours = {os.getpid(), *(process.pid for process in psutil.Process().parents())}
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            started_here = process.environ().get(RUN_MARK) == os.environ[RUN_MARK]
            if started_here and process.pid not in ours and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the run if it leaves a process behind."""
    if hasattr(session.config, "workerinput"):  # a part of a run, which goes on
        return
    deadline = time.monotonic() + 20
    while (left := processes_left()) and time.monotonic() < deadline:
        time.sleep(0.1)
    for process in left:
        with contextlib.suppress(psutil.Error):
            print(f"\nLeft behind: {process.pid} {' '.join(process.cmdline())}", file=sys.stderr)
            process.kill()
    if left:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say in one line what axe-core found. Here, not with the browser tests: with processes, theirs isn't loaded."""
    reports = (report for group in terminalreporter.stats.values() for report in group)
    calls = (report for report in reports if getattr(report, "when", "") == "call")
    found = [value for report in calls for name, value in report.user_properties if name == "axe"]
    if found:
        pages, scans, violations = map(sum, zip(*found, strict=True))
        terminalreporter.write_line(f"axe-core: {pages} pages and states, {scans} scans, {violations} violations")


@pytest.fixture(scope="session")
def redis_socket() -> Iterator[Path]:
    """A real Redis for the whole session; its socket."""
    with tempfile.TemporaryDirectory(prefix="redis-") as folder:
        socket = Path(folder) / "redis.sock"
        server = subprocess.Popen(redis_server.command(socket, Path(folder)), stdout=subprocess.DEVNULL)
        connection = Redis(unix_socket_path=str(socket))

        def answers() -> bool:
            try:
                return bool(connection.ping())
            except RedisError:
                return False

        wait_for(answers)
        yield socket
        connection.close()
        server.kill()
        server.wait()


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'webhooks.db'}"


@pytest.fixture
def settings(tmp_path: Path, database_url: str, redis_socket: Path) -> dict[str, object]:
    """What the app of a test is configured with; a test module may override this fixture."""
    from config import load

    environment = {"INSTANCE_PATH": str(tmp_path / "instance"), "DATABASE_URL": database_url}
    return load(environment | {"REDIS_URL": f"unix://{redis_socket}"}) | {"TESTING": True}


@pytest.fixture
def web() -> bool:
    """Whether the app has its pages; a test of the pipeline does without."""
    return True


@pytest.fixture
def app(settings: dict[str, object], web: bool) -> Iterator[Flask]:
    """The app on an empty database and a flushed Redis, its context pushed."""
    app = create_app(settings, web=web)
    redis: Redis = app.extensions["redis"]
    redis.flushall()
    with app.app_context():
        db.create_all()
        yield app
        db.session.remove()
        db.drop_all()
        db.engine.dispose()
    redis.close()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A browser that nobody has signed in with; forms need no CSRF token."""
    app.config["WTF_CSRF_ENABLED"] = False
    return app.test_client()


@pytest.fixture
def sign_in(client: FlaskClient) -> Callable[[str], FlaskClient]:
    """``sign_in("operator")`` makes a user of that role and signs ``client`` in as it."""

    def as_role(role: str) -> FlaskClient:
        email = f"{role}@example.com"
        if db.session.scalar(db.select(User).filter_by(email=email)) is None:
            make_user(email=email, role=role, password=PASSWORD)
        client.post("/login", data={"email": email, "password": PASSWORD})
        return client

    return as_role


@pytest.fixture
def admin(sign_in: Callable[[str], FlaskClient]) -> FlaskClient:
    return sign_in("admin")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A scripted endpoint on loopback."""
    with receiving() as endpoint:
        yield endpoint
