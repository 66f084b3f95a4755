"""Fixtures: an app on a fresh database, a real Redis, clients, and a guard that refuses outside connections."""

import contextlib
import ipaddress
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest
from flask import Flask, g, has_app_context
from flask.testing import FlaskClient
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from redis import Redis, RedisError
from werkzeug.test import TestResponse

from jobs import deliver
from tests.support.factories import make_user
from tests.support.fast_apps import (
    empty_tables_of_postgresql,
    remember_routes,
    remember_statements,
    share_statements,
    share_templates,
)
from tests.support.people import start_session
from tests.support.receivers import Receiver, receiving
from tests.support.rig import postgresql
from tests.support.waiting import wait_for
from webhooks_ui import create_app
from webhooks_ui.database import db
from webhooks_ui.die_with_parent import die_with_parent
from webhooks_ui.models import User
from webhooks_ui.run import redis_server

remember_routes()
remember_statements()

# A shell without job control lets what it starts in the background ignore Ctrl-C, and so would all that a test starts.
for number, usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGQUIT, signal.SIG_DFL)):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, usual)

PASSWORD = "correct horse battery"
RUN_MARK = "WEBHOOKS_TEST_RUN"


class OutsideConnection(RuntimeError):
    """A test tried to connect to another machine."""


refused: list[str] = []  # connections to other machines that a test tried to make


def refuse_outside(event: str, arguments: tuple[object, ...]) -> None:
    """Raise, as an audit hook of Python, before a socket sends to anything but loopback or a Unix socket.

    The sender tells audit hooks of the connections that libcurl makes.
    """
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
        refused.append(str(address))
        raise OutsideConnection(f"A test tried to connect to {address}.")


sys.addaudithook(refuse_outside)


@pytest.fixture(autouse=True)
def nothing_leaves() -> Iterator[None]:
    """Fail a test that tried to connect to another machine, also if the product survived that."""
    refused.clear()
    yield
    assert not refused


@pytest.fixture(autouse=True)
def no_lingering(monkeypatch: pytest.MonkeyPatch) -> None:
    """End each drain as soon as it has nothing to do."""
    monkeypatch.setattr(deliver, "LINGER_SECONDS", 0)
    monkeypatch.setattr(deliver, "WAIT_SECONDS", 0)


# How fast examples are made says nothing about the product: four processes share two cores.
hypothesis_settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis_settings.load_profile("busy")


def pytest_configure() -> None:
    """Mark all processes of this run with an environment variable that they inherit.

    Take the certificate authorities of the machine away. Each app would read that file twice, in half of the time that
    it takes to make an app. A test that needs authorities names its own.
    """
    os.environ.setdefault(RUN_MARK, secrets.token_hex(8))
    os.environ.pop("REQUESTS_CA_BUNDLE", None)


def processes_left() -> list[psutil.Process]:
    """Return the processes that this run started and that still run."""
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
    if hasattr(session.config, "workerinput"):  # a worker of pytest-xdist, while the other workers still run
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
    """Print one line about what axe-core found.

    The hook is here and not with the browser tests, because pytest-xdist's main process doesn't load their conftest.
    """
    reports = (report for group in terminalreporter.stats.values() for report in group)
    calls = (report for report in reports if getattr(report, "when", "") == "call")
    found = [value for report in calls for name, value in report.user_properties if name == "axe"]
    if found:
        pages, scans, violations = map(sum, zip(*found, strict=True))
        terminalreporter.write_line(f"axe-core: {pages} pages and states, {scans} scans, {violations} violations")


@pytest.fixture(scope="session")
def redis_socket() -> Iterator[Path]:
    """Run a real Redis for the whole session. Return its socket."""
    with tempfile.TemporaryDirectory(prefix="redis-") as folder:
        socket = Path(folder) / "redis.sock"
        ends_with_us = partial(die_with_parent, os.getpid())  # also if this process is killed
        command = redis_server.command(socket, Path(folder))
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL, preexec_fn=ends_with_us)
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


@pytest.fixture(scope="session")
def postgresql_url() -> Iterator[str]:
    """Yield the URL of a PostgreSQL server that runs for the whole session. Its database has no tables."""
    with postgresql() as url:
        yield url


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """The URL of a new SQLite database. ``tests.support.both_databases`` has one for both kinds."""
    return f"sqlite:///{tmp_path / 'webhooks.db'}"


@pytest.fixture
def settings(tmp_path: Path, database_url: str, redis_socket: Path) -> dict[str, object]:
    """The settings of the app. A test module may override this fixture."""
    from config import load

    environment = {"INSTANCE_PATH": str(tmp_path / "instance"), "DATABASE_URL": database_url}
    return load(environment | {"REDIS_URL": f"unix://{redis_socket}"}) | {"TESTING": True}


@pytest.fixture
def web() -> bool:
    """Whether the app has pages, API and commands. Tests of the pipeline override this, because they need none."""
    return True


class Client(FlaskClient):
    """A client whose requests know nothing of each other, as in a server.

    Flask takes the application context of the ``app`` fixture for all of them, and what they keep in ``g`` with it.
    """

    def open(self, *args: Any, **options: Any) -> TestResponse:
        if has_app_context():  # a thread of a test has none
            for name in list(g):
                g.pop(name)
        return super().open(*args, **options)


@pytest.fixture(scope="session")
def empty_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite database with all tables and no rows. A copy of it is made faster than its tables."""
    from config import load

    folder = tmp_path_factory.mktemp("empty")
    file = folder / "webhooks.db"
    settings = load({"INSTANCE_PATH": str(folder), "DATABASE_URL": f"sqlite:///{file}", "REDIS_URL": "redis://nowhere"})
    with create_app(settings, web=False).app_context():
        db.create_all()
        db.engine.dispose()
    return file


@pytest.fixture
def app(settings: dict[str, Any], web: bool, empty_sqlite: Path) -> Iterator[Flask]:
    """The app on an empty database and a flushed Redis, inside its app context."""
    url = settings["SQLALCHEMY_DATABASE_URI"]
    is_sqlite = url.startswith("sqlite:///")
    if is_sqlite:
        shutil.copyfile(empty_sqlite, url.removeprefix("sqlite:///"))
    app = create_app(settings, web=web)
    share_templates(app)
    app.test_client_class = Client
    redis: Redis = app.extensions["redis"]
    redis.flushall()
    with app.app_context():
        share_statements(db.engine)
        if not is_sqlite:
            empty_tables_of_postgresql()
        yield app
        if sending := app.extensions.get("sending"):
            sending.stop()
        db.session.remove()
        db.engine.dispose()
    redis.close()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A client without a signed-in user. Forms need no CSRF token."""
    app.config["WTF_CSRF_ENABLED"] = False
    return app.test_client()


@pytest.fixture
def sign_in(client: FlaskClient) -> Callable[[str], FlaskClient]:
    """Return a function that makes a user of a role and signs ``client`` in, such as ``sign_in("operator")``.

    The session is made without the form, so that the audit log is empty.
    """

    def as_role(role: str) -> FlaskClient:
        email = f"{role}@example.com"
        user = db.session.scalar(db.select(User).filter_by(email=email)) or make_user(email, role, PASSWORD)
        start_session(client, user)
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
