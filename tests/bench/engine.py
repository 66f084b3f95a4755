"""How fast the engine delivers: against one RQ job a delivery, and against a bare loop of ``HTTPAdapter.send``."""

import contextlib
import multiprocessing
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import psutil
import requests.adapters
from redis import Redis
from rq import Queue
from sqlalchemy import func, select, text

from jobs.publish import NewEvent, new_event_id, publish, render_body
from jobs.send import _prepare
from jobs.sign import headers
from jobs.wake import WAITING_KEY, wake
from tests.bench.numbers import numbers
from tests.factories import make_webhook
from tests.rig import Rig, rig, until
from webhooks_ui.event_types import EVENT_TYPES
from webhooks_ui.extensions import db, write_transaction
from webhooks_ui.models import Attempt, Delivery, utcnow

WORKERS = 2
WEBHOOKS = 20
EXAMPLE = EVENT_TYPES["license.activated"].example


@contextlib.contextmanager
def engine(database: str, urls: list[str]) -> Iterator[Rig]:
    """A rig with a webhook per URL and warm workers."""
    with rig(database) as instance:
        with instance.app.app_context():
            for number, url in enumerate(urls):
                make_webhook(name=f"Webhook {number}", url=url)
        for number in range(WORKERS):
            instance.start_worker(number)
        instance.wait_for_workers(WORKERS)
        yield instance


def targets(url: str, count: int = WEBHOOKS) -> list[str]:
    return [f"{url}/{number}" for number in range(count)]


def publish_backlog(instance: Rig, events: int) -> None:
    """Store ``events`` without waking anyone."""
    with instance.app.app_context():
        redis: Redis = instance.app.extensions["redis"]
        redis.set(WAITING_KEY, "1", ex=600)
        for start in range(0, events, 1_000):
            count = min(1_000, events - start)
            publish("production", [NewEvent("license.activated", EXAMPLE) for _ in range(count)])
        redis.delete(WAITING_KEY)


def any_pending(instance: Rig, webhooks: range | None = None) -> bool:
    """Whether deliveries wait, of any webhook or of those with ids in ``webhooks``. Cheap, for it is asked often."""
    query = select(Delivery.id).where(text("status = 'pending'")).limit(1)
    if webhooks is not None:
        query = query.where(Delivery.webhook_id >= webhooks.start, Delivery.webhook_id < webhooks.stop)
    with instance.app.app_context(), db.engine.connect() as connection:
        return connection.scalar(query) is not None


def attempts(instance: Rig) -> int:
    """How many attempts were made so far."""
    with instance.app.app_context(), db.engine.connect() as connection:
        return connection.scalar(select(func.max(Attempt.id))) or 0


def drain(instance: Rig, webhooks: range | None = None, first: int = 0, seconds: float = 600) -> float:
    """Seconds from the wake-up until nothing is pending, or until the ``first`` so many attempts were made."""
    before, started = attempts(instance), time.monotonic()
    with instance.app.app_context():
        wake()
    if first:
        until(lambda: attempts(instance) - before >= first, seconds, "the first deliveries are made")
    else:
        until(lambda: not any_pending(instance, webhooks), seconds, "the backlog is delivered")
    return time.monotonic() - started


def throughput(database: str, url: str, events: int) -> tuple[float, float]:
    """Deliveries a second of ``events`` for each of ``WEBHOOKS``, and the workers' largest memory in MiB."""
    with engine(database, targets(url)) as instance:
        publish_backlog(instance, 10)
        drain(instance)  # connections are open, code is loaded
        publish_backlog(instance, events)
        seconds = drain(instance)
        return events * WEBHOOKS / seconds, worker_memory(instance)


def healthy_beside_dead(database: str, healthy: str, dead: str, events: int) -> tuple[float, float]:
    """Deliveries a second to sixteen healthy webhooks: alone, and beside four that accept and never answer."""
    rates = []
    for dead_count in (0, 4):
        with engine(database, targets(healthy, 16) + targets(dead, dead_count)) as instance:
            publish_backlog(instance, 10)
            drain(instance, range(1, 17))
            publish_backlog(instance, events)
            rates.append(events * 16 / drain(instance, range(1, 17)))
    return rates[0], rates[1]


def backlog(database: str, url: str, sizes: list[int], slice_size: int) -> list[float]:
    """Milliseconds per delivery of the first ``slice_size`` deliveries of backlogs of ``sizes``."""
    costs = []
    with engine(database, targets(url)) as instance:
        publish_backlog(instance, 10)
        drain(instance)
        for size in sizes:
            _fill(instance, size)
            with instance.app.app_context(), write_transaction() as connection:
                connection.exec_driver_sql("ANALYZE deliveries")
            costs.append(drain(instance, first=slice_size) / slice_size * 1_000)
            for number in range(WORKERS):  # stop at once: what is left isn't needed
                instance.kill(f"worker-{number}")
            with instance.app.app_context(), write_transaction() as connection:
                connection.execute(text("UPDATE deliveries SET status = 'cancelled' WHERE status = 'pending'"))
            for number in range(WORKERS):
                instance.start_worker(number)
            instance.app.extensions["redis"].flushall()
            instance.wait_for_workers(WORKERS)
            publish_backlog(instance, 10)
            drain(instance)
    return costs


def _fill(instance: Rig, size: int) -> None:
    """Add ``size`` pending deliveries of one event, for the webhooks in turn."""
    with instance.app.app_context(), write_transaction() as connection:
        event_id = connection.scalar(text("SELECT max(id) FROM events"))
        row = {"event_id": event_id, "now": utcnow().replace(tzinfo=None).isoformat(" ", "microseconds")}
        if connection.dialect.name == "postgresql":
            row["now"] = utcnow()
        connection.execute(
            text(
                "INSERT INTO deliveries (event_id, webhook_id, event_type, environment, trigger, status, due_at,"
                " forced, attempts_count, created_at) SELECT :event_id, 1 + n % 20, 'license.activated',"
                " 'production', 'event', 'pending', :now, false, 0, :now FROM " + numbers(connection, size)
            ),
            row,
        )


def worker_memory(instance: Rig) -> float:
    """The largest resident memory of a worker, in MiB."""
    processes = (process for name, process in instance.processes.items() if name.startswith("worker"))
    return max(psutil.Process(process.pid).memory_info().rss for process in processes) / 2**20


def bare_loop(url: str, count: int, threads: int) -> float:
    """Requests a second of ``HTTPAdapter.send`` with prepared requests, as many processes, and no database."""
    context = multiprocessing.get_context("spawn")
    barrier, done = context.Barrier(WORKERS + 1), context.Queue()
    children = [
        context.Process(target=_bare_process, args=(url, count // WORKERS, threads, barrier, done))
        for _ in range(WORKERS)
    ]
    for child in children:
        child.start()
    barrier.wait()
    started = time.monotonic()
    for _ in children:
        done.get()
    seconds = time.monotonic() - started
    for child in children:
        child.join()
    return count / seconds


def _bare_process(url: str, count: int, threads: int, barrier: Any, done: Any) -> None:
    adapter = requests.adapters.HTTPAdapter(pool_maxsize=threads)
    event_id = new_event_id()
    body = render_body(event_id, "production", NewEvent("license.activated", EXAMPLE), utcnow())
    sent = headers(event_id, "license.activated", "production", body, timestamp=0, attempt=1, keys=[b"x" * 32])
    tasks: queue.SimpleQueue[str | None] = queue.SimpleQueue()

    def work() -> None:
        while (target := tasks.get()) is not None:
            response = adapter.send(_prepare(target, sent, body), timeout=10)
            if response.status_code != 200:
                raise RuntimeError(f"the receiver answered {response.status_code}")

    pool = [threading.Thread(target=work) for _ in range(threads)]
    for thread in pool:
        thread.start()
    barrier.wait()
    for number in range(count):
        tasks.put(f"{url}/{number % WEBHOOKS}")
    for _ in pool:
        tasks.put(None)
    for thread in pool:
        thread.join()
    done.put(True)


def job_per_delivery(url: str, count: int) -> float:
    """Deliveries a second of the obvious design: one RQ job with ``requests`` for each, two SimpleWorkers."""
    with rig() as instance:
        redis = Redis(unix_socket_path=str(instance.folder / "redis.sock"))
        jobs = Queue("bench", connection=redis)
        for _ in range(count):
            jobs.enqueue("requests.post", url, data=b'{"type":"license.activated"}', timeout=10, result_ttl=0)
        socket = f"unix://{instance.folder}/redis.sock"
        command = [sys.executable, "-m", "rq.cli", "worker", "-u", socket, "-w", "rq.SimpleWorker", "-b", "-q", "bench"]
        processes = [subprocess.Popen(command, stderr=subprocess.DEVNULL) for _ in range(WORKERS)]
        until(lambda: jobs.count < count, 30, "the first job is taken")  # the start of the processes isn't counted
        started, todo = time.monotonic(), jobs.count
        for process in processes:
            process.wait()
        if jobs.count:
            raise RuntimeError("jobs were left over")
        return todo / (time.monotonic() - started)
