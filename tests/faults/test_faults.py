"""Processes are killed under load; every accepted event must arrive all the same."""

import signal
import sqlite3
import tempfile
import time
from collections import Counter
from pathlib import Path

import pytest

from jobs.publish import NewEvent, publish
from tests.factories import make_webhook
from tests.receivers import OK, Receiver
from tests.rig import Rig, postgresql_server, rig, until
from webhooks_ui.extensions import db
from webhooks_ui.models import Delivery

COUNT = 200


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
    duplicates = len(receiver.requests) - COUNT
    assert duplicates <= 2 * 16 + 2 * 200  # in flight, or answered and not yet written, when the two were killed


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
        other = sqlite3.connect(running.folder / "webhooks.db", isolation_level=None, timeout=10)
        other.execute("BEGIN IMMEDIATE")
        time.sleep(2)  # the fault itself: nothing can be written meanwhile
        other.execute("ROLLBACK")
        other.close()
        until(lambda: statuses(running)["delivered"] == COUNT, 30, "all are delivered")
        assert sorted(receiver.ids) == sorted(ids)


def test_a_postgresql_that_is_restarted_loses_nothing(receiver):
    slowly(receiver)
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
        ids = publish_all(running)
        until(lambda: len(receiver.requests) > 20, 15, "some deliveries")
        server.stop()
        server.start()
        until(lambda: statuses(running)["delivered"] == COUNT, 30, "all are delivered")
        assert set(receiver.ids) == ids
