"""Processes are killed under load; every accepted event must arrive all the same."""

import contextlib
import signal
import subprocess
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from jobs.claim import LEASE_SECONDS
from jobs.publish import publish
from tests.support.factories import make_webhook
from tests.support.receivers import OK, Receiver, receiving
from tests.support.rig import Rig, lock_sqlite, postgresql_server, rig, until
from webhooks_ui.database import db
from webhooks_ui.events.new_event import NewEvent
from webhooks_ui.models import Delivery

COUNT = 200
GOES_ON_SECONDS = 15  # after any fault


def publish_all(instance: Rig, count: int = COUNT) -> set[str]:
    with instance.app.app_context():
        results = publish("production", [NewEvent("license.activated", {"n": n}) for n in range(count)])
    return {result.id for result in results}


def statuses(instance: Rig) -> Counter[str]:
    with instance.app.app_context():
        counts = Counter(db.session.scalars(db.select(Delivery.status)))
        db.session.remove()
        return counts


@pytest.fixture(params=["sqlite", "postgresql"])
def instance(request, receiver):
    """One webhook, two workers and a scheduler."""
    with rig(request.param) as running:
        with running.app.app_context():
            make_webhook(url=receiver.url)
        running.start_worker(0)
        running.start_worker(1)
        running.start_scheduler()
        running.wait_for_workers(2)
        yield running


def slowly(receiver: Receiver) -> None:
    def respond(request):
        time.sleep(0.005)
        return OK

    receiver.respond = respond


def test_killing_a_worker_in_the_middle_loses_nothing(instance, receiver):
    slowly(receiver)
    ids = publish_all(instance)
    until(lambda: len(receiver.requests) > 20, 15, "some deliveries")
    instance.kill("worker-0")
    instance.kill("worker-1")
    seen = len(receiver.requests)
    assert seen < COUNT
    instance.start_worker(2)
    until(lambda: statuses(instance)["delivered"] == COUNT, 30, "all are delivered")
    assert set(receiver.ids) == ids
    # In flight, or answered in the last 50 ms and not yet written, when the two were killed: 5 ms each, 16 at a time
    assert len(receiver.requests) - COUNT <= 2 * (16 + 16 * 10)


def test_sigterm_finishes_what_is_in_flight_and_returns_the_rest(instance, receiver):
    slowly(receiver)
    ids = publish_all(instance)
    until(lambda: len(receiver.requests) > 20, 15, "some deliveries")
    for name in ("worker-0", "worker-1"):
        instance.processes[name].send_signal(signal.SIGTERM)
    for name in ("worker-0", "worker-1"):
        assert instance.processes.pop(name).wait(15) == 0
    assert len(receiver.requests) == statuses(instance)["delivered"] < COUNT
    instance.start_worker(2)
    until(lambda: statuses(instance)["delivered"] == COUNT, 20, "all are delivered")
    assert sorted(receiver.ids) == sorted(ids)  # nothing twice


def test_a_redis_that_is_flushed_in_the_middle_loses_nothing_and_repeats_nothing(instance, receiver):
    slowly(receiver)
    ids = publish_all(instance)
    for count in (20, 80, 140):
        until(lambda count=count: len(receiver.requests) > count, 15, "some deliveries")
        instance.app.extensions["redis"].flushall()
    until(lambda: statuses(instance)["delivered"] == COUNT, GOES_ON_SECONDS, "all are delivered")
    assert sorted(receiver.ids) == sorted(ids)


def test_a_redis_that_hangs_loses_nothing_and_repeats_nothing(instance, receiver):
    slowly(receiver)
    ids = publish_all(instance)
    until(lambda: len(receiver.requests) > 20, 15, "some deliveries")
    instance.processes["redis"].send_signal(signal.SIGSTOP)
    time.sleep(2)  # the fault itself
    instance.processes["redis"].send_signal(signal.SIGCONT)
    until(lambda: statuses(instance)["delivered"] == COUNT, GOES_ON_SECONDS, "all are delivered")
    assert sorted(receiver.ids) == sorted(ids)


def test_sigterm_finishes_what_is_in_flight_also_without_redis(instance, receiver):
    receiver.respond = lambda request: (time.sleep(1), OK)[1]
    publish_all(instance, 2)
    until(lambda: receiver.requests, 15, "a request is under way")
    instance.kill("redis")
    for name in ("worker-0", "worker-1"):
        instance.processes[name].send_signal(signal.SIGTERM)
    for name in ("worker-0", "worker-1"):
        assert instance.processes.pop(name).wait(15) == 0
    assert statuses(instance)["delivered"] == len(receiver.requests)


def test_a_flushed_redis_loses_nothing(instance, receiver):
    instance.kill("worker-0")
    instance.kill("worker-1")
    ids = publish_all(instance)
    instance.app.extensions["redis"].flushall()
    instance.start_worker(2)
    until(lambda: statuses(instance)["delivered"] == COUNT, 20, "all are delivered")
    assert set(receiver.ids) == ids


def test_redis_killed_and_started_again_loses_nothing(instance, receiver):
    instance.kill("redis")
    ids = publish_all(instance)
    instance.start_redis()
    for name in ("worker-0", "worker-1", "scheduler"):  # as the supervisor would: some end when Redis goes
        if instance.processes[name].poll() is not None:
            instance.processes.pop(name)
            instance.start_worker(int(name[-1])) if "worker" in name else instance.start_scheduler()
    until(lambda: statuses(instance)["delivered"] == COUNT, 30, "all are delivered")
    assert set(receiver.ids) == ids


def test_a_database_that_is_locked_for_a_while_loses_nothing(receiver):
    slowly(receiver)
    with rig("sqlite") as running:
        with running.app.app_context():
            make_webhook(url=receiver.url)
        running.start_worker(0)
        running.wait_for_workers(1)
        ids = publish_all(running)
        until(lambda: len(receiver.requests) > 20, 15, "some deliveries")
        lock_sqlite(running.folder, 2)  # the fault itself: nothing can be written meanwhile
        until(lambda: statuses(running)["delivered"] == COUNT, 30, "all are delivered")
        assert sorted(receiver.ids) == sorted(ids)


def test_a_database_that_is_locked_for_longer_than_a_lease_lets_nothing_go_out_twice(receiver):
    receiver.respond = lambda request: (time.sleep(0.15), OK)[1]
    with rig("sqlite") as running:
        with running.app.app_context():
            make_webhook(url=receiver.url)
        running.start_worker(0)
        running.start_worker(1)
        running.wait_for_workers(2)
        ids = publish_all(running, 40)
        until(lambda: receiver.requests, 15, "some deliveries")
        lock_sqlite(running.folder, LEASE_SECONDS + 2)  # the fault itself: no lease can be renewed meanwhile
        until(lambda: statuses(running)["delivered"] == 40, GOES_ON_SECONDS, "all are delivered")
        assert sorted(receiver.ids) == sorted(ids)


def test_a_disk_that_is_full_stops_deliveries_until_it_is_not(receiver, small_disk):
    slowly(receiver)
    with Rig(small_disk) as running:
        with running.app.app_context():
            make_webhook(url=receiver.url)
        running.start_worker(0)
        running.wait_for_workers(1)
        ids = publish_all(running)
        until(lambda: len(receiver.requests) > 20, 15, "some deliveries")
        fill = small_disk / "fill"
        with contextlib.suppress(OSError), fill.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(65_536))
        time.sleep(3)  # the fault itself
        fill.unlink()
        until(lambda: statuses(running)["delivered"] == COUNT, GOES_ON_SECONDS, "all are delivered")
        assert sorted(receiver.ids) == sorted(ids)


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 24 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24m", "small", folder], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("a small file system can't be mounted here: that takes root")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def test_a_log_on_a_full_disk_stops_no_worker(receiver):
    with rig("sqlite") as running:
        with running.app.app_context():
            make_webhook(url=receiver.url)
        running.start_worker(0, output=Path("/dev/full"))
        running.wait_for_workers(1)
        running.kill("redis")
        running.start_redis()  # the worker had something to say
        ids = publish_all(running)
        until(lambda: statuses(running)["delivered"] == COUNT, GOES_ON_SECONDS, "all are delivered")
        assert set(receiver.ids) == ids


def test_endpoints_that_answer_slowly_delay_no_other_event(receiver):
    """Also not at the end of a drain, nor while chores are done."""
    slow = threading.Event()
    with rig("sqlite") as running, receiving() as endpoint:
        endpoint.respond = lambda request: (slow.wait(8), OK)[1]
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
                until(lambda seen=seen: len(receiver.requests) > seen, 10, "it arrives")
                latest = max(latest, time.monotonic() - began)
                time.sleep(0.1)
            db.session.remove()
        slow.set()
    assert latest < 2  # the slow ones take eight seconds


@contextlib.contextmanager
def on_postgresql(receiver):
    """A PostgreSQL of its own, and a product on it with a worker and a webhook."""
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


def test_a_postgresql_that_was_restarted_while_all_was_quiet_loses_nothing(receiver):
    with on_postgresql(receiver) as (server, running):
        publish_all(running, 1)
        until(lambda: statuses(running)["delivered"] == 1, 20, "the worker is warm")
        time.sleep(2)  # it has nothing to do, and the chores were done
        server.stop()
        server.start()
        with running.app.app_context():
            db.engine.dispose()
        ids = publish_all(running)
        until(lambda: statuses(running)["delivered"] == COUNT + 1, GOES_ON_SECONDS, "all are delivered")
        assert ids < set(receiver.ids)


def test_a_postgresql_that_is_restarted_loses_nothing(receiver):
    slowly(receiver)
    with on_postgresql(receiver) as (server, running):
        ids = publish_all(running)
        until(lambda: len(receiver.requests) > 20, 15, "some deliveries")
        server.stop()
        server.start()
        until(lambda: statuses(running)["delivered"] == COUNT, 30, "all are delivered")
        assert set(receiver.ids) == ids
