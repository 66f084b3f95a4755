"""The processes of RQ work with any Redis that the settings can name, and end when they should."""

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask, current_app
from redis import ConnectionError
from rq import Queue

from jobs import rq_worker
from jobs.publish import publish
from jobs.rq_worker import Worker
from tests.support.factories import make_webhook
from tests.support.receivers import OK, Answer, Received, Receiver
from tests.support.relay import relay
from tests.support.rig import Rig, rig
from tests.support.waiting import wait_for
from webhooks_ui import logs
from webhooks_ui.database import db
from webhooks_ui.events.new_event import NewEvent
from webhooks_ui.instance_folder import redis_socket
from webhooks_ui.wake import CHORES, KEPT_FOR, wake

PROBE = """
import time

from rq.exceptions import StopRequested

from jobs import worker
from webhooks_ui.database import db

def show_how_it_commits(*_, **__):
    while not db.engine.pool.checkedin():  # the heartbeat is being written
        time.sleep(0.01)
    with db.engine.connect() as first, db.engine.connect() as second:
        for connection in (first, second):
            print(connection.exec_driver_sql("PRAGMA synchronous").scalar(), flush=True)
    raise StopRequested

worker.DeliveryWorker.work = show_how_it_commits
worker.main()
"""

LONG_JOB = """
from jobs import deliver, rq_worker, worker

rq_worker.HEARTBEAT_TTL_SECONDS = 1
deliver.BEAT_SECONDS = 0.2
worker.main()
"""


def working(product: Rig, module: str, *by: str) -> "subprocess.Popen[bytes]":
    """Start a process of RQ, with the command ``by`` if there is one. Return it when it works."""
    process = product.start(module, *by, sys.executable, "-m", f"jobs.{module}")
    queue = {"worker": "deliveries", "scheduler": "chores"}[module]
    wait_for(lambda: _states(product, queue) & {b"idle", b"busy"}, what="it works")
    return process


def test_a_worker_starts_where_the_path_of_the_instance_folder_has_spaces_and_signs(tmp_path: Path) -> None:
    folder = tmp_path / "my files%20#1?"
    folder.mkdir()
    with Rig(folder) as product:
        product.start_worker()
        product.wait_for_workers(1)
        assert not product.log("worker-0")


@pytest.mark.parametrize("module", ["worker", "scheduler"])
def test_a_closed_terminal_stops_a_process(module: str) -> None:
    with rig() as product:
        process = working(product, module)
        process.send_signal(signal.SIGHUP)
        assert process.wait(30) == 0


@pytest.mark.parametrize("module", ["worker", "scheduler"])
def test_what_nohup_started_stops_at_sigquit_and_not_when_the_terminal_closes_or_logs_are_renewed(module: str) -> None:
    with rig() as product:
        process = working(product, module, "nohup")
        for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
            process.send_signal(number)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1)
        process.send_signal(signal.SIGQUIT)
        assert process.wait(30) == 0


@pytest.mark.parametrize("module", ["worker", "scheduler"])
def test_a_redis_that_refused_to_write_leaves_one_listener_in_each_process(module: str) -> None:
    with rig() as product:
        working(product, module)
        redis = product.app.extensions["redis"]
        listeners = set(redis.pubsub_channels("rq:pubsub:*"))
        assert len(listeners) == 1
        redis.replicaof("127.0.0.1", "1")  # as after a failover
        wait_for(lambda: not listeners & set(redis.pubsub_channels("rq:pubsub:*")), what="its listener ends")
        redis.replicaof("NO", "ONE")
        wait_for(lambda: len(redis.pubsub_channels("rq:pubsub:*")) == 1, what="it works again")


def test_a_listener_whose_connection_ends_with_its_worker_ends_without_a_traceback(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    died: list[object] = []
    monkeypatch.setattr(threading, "excepthook", died.append)
    worker: Any = Worker([Queue("deliveries", connection=app.extensions["redis"])], connection=app.extensions["redis"])
    worker.register_birth()
    worker.subscribe()
    has_read, unsubscribe = threading.Event(), worker.pubsub.unsubscribe

    def read(**_: object) -> None:
        has_read.set()
        raise ValueError("I/O operation on closed file.")

    def end() -> None:
        unsubscribe()
        has_read.wait(30)

    monkeypatch.setattr(worker.pubsub, "get_message", read)
    monkeypatch.setattr(worker.pubsub, "unsubscribe", end)
    worker.teardown()
    worker.pubsub_thread.join(30)
    assert not worker.pubsub_thread.is_alive()
    assert died == []


def test_a_redis_that_stays_away_is_told_once_a_minute(
    app: Flask, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rq_worker, "_redis_outages", logs.Seldom(rq_worker.logger))
    monkeypatch.setattr("rq.worker.base.time", SimpleNamespace(sleep=lambda seconds: None))
    worker: Any = Worker([Queue("deliveries", connection=app.extensions["redis"])], connection=app.extensions["redis"])
    worker.log.addFilter(rq_worker._in_brief)
    try:
        for _ in range(3):  # RQ's thread for commands meets the outage again and again
            worker._pubsub_exception_handler(ConnectionError("Connection refused."), None, None)
    finally:
        worker.log.removeFilter(rq_worker._in_brief)
    words = "Redis can't be used, trying again: Connection refused."
    assert [(entry.levelname, entry.getMessage()) for entry in caplog.records] == [("WARNING", words)]


def flush() -> None:
    """Lose all that Redis knows, as a job that is running."""
    current_app.extensions["redis"].flushall()


def test_a_job_that_redis_forgets_while_it_runs_is_told_in_one_line(
    app: Flask, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rq_worker, "_outages", logs.Seldom(rq_worker.logger))
    queue = Queue(CHORES, connection=app.extensions["redis"])
    queue.enqueue(flush, **KEPT_FOR)
    Worker([queue], connection=queue.connection).work(burst=True, logging_level="WARNING")
    words = f"Redis has lost jobs that were running, such as {__name__}.flush."
    assert [(entry.levelname, entry.getMessage()) for entry in caplog.records] == [("WARNING", words)]


def test_each_connection_of_a_worker_commits_without_waiting_for_the_disk() -> None:
    with rig() as product:
        assert product.start("probe", sys.executable, "-c", PROBE).wait(30) == 0
        assert product.log("probe").split() == ["1", "1"]  # synchronous=NORMAL


def test_a_drain_that_lasts_longer_than_a_heartbeat_counts_ends_without_an_error(receiver: Receiver) -> None:
    def answer_late(request: Received) -> Answer:
        time.sleep(2.5)
        return OK

    receiver.respond = answer_late
    with rig() as product:
        product.start("worker", sys.executable, "-c", LONG_JOB)
        product.wait_for_workers(1)
        with product.app.app_context():
            make_webhook(url=receiver.url)
            publish("production", [NewEvent("license.activated", {})])
            db.session.remove()
        wait_for(lambda: receiver.requests, what="the drain has begun")
        wait_for(lambda: _states(product, "deliveries") == {b"idle"}, what="the drain has ended")
        redis = product.app.extensions["redis"]
        assert not redis.zcard("rq:failed:deliveries")
        assert not redis.keys("rq:execution*")
        assert not product.log("worker")


def test_a_worker_connects_anew_if_its_connections_to_redis_fall_silent(receiver: Receiver) -> None:
    """No end of the connection tells it that its Redis is gone, and that another one has the address."""
    with rig() as product, relay(product.folder / "relay.sock", redis_socket(product.folder)) as between:
        product.environ["REDIS_URL"] = f"unix://{product.folder / 'relay.sock'}"
        working(product, "worker")
        between.silence()
        with product.app.app_context():
            make_webhook(url=receiver.url)
            publish("production", [NewEvent("license.activated", {})])
            db.session.remove()
            # the first wake-up goes to the silent connection, and the sweep repeats it
            wait_for(lambda: wake() and receiver.requests, what="the worker delivers again")


def _states(product: Rig, queue: str) -> set[bytes]:
    """Return what the processes of ``queue`` do."""
    redis = product.app.extensions["redis"]
    return {redis.hget(worker, "state") for worker in redis.smembers(f"rq:workers:{queue}")}
