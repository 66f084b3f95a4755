"""Measures how fast the engine delivers, compared with one RQ job per delivery and a loop of ``HTTPAdapter.send``."""

import contextlib
import multiprocessing
import queue
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import psutil
import requests
from redis import Redis
from rq import Queue
from sqlalchemy import func, select, text, update

from jobs.publish import publish
from tests.bench.numbers import numbers
from tests.support.factories import make_webhook
from tests.support.rig import Rig, rig
from tests.support.signed import headers
from tests.support.waiting import wait_for
from webhooks_ui.database import db, dialect, write_transaction
from webhooks_ui.events.new_event import NewEvent, new_event_id, render_body
from webhooks_ui.events.types import EVENT_TYPES
from webhooks_ui.models import Attempt, Delivery, Webhook, utcnow
from webhooks_ui.wake import WAITING_KEY, wake

WORKERS = 2
WEBHOOKS = 20
EXAMPLE = EVENT_TYPES["license.activated"].example


@contextlib.contextmanager
def engine(database: str, urls: list[str]) -> Iterator[Rig]:
    """Yield a rig with a webhook per URL and running workers."""
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
    """Publish ``events`` without waking the workers."""
    with instance.app.app_context():
        redis: Redis = instance.app.extensions["redis"]
        redis.set(WAITING_KEY, "1", ex=600)
        for start in range(0, events, 1_000):
            count = min(1_000, events - start)
            publish("production", [NewEvent("license.activated", EXAMPLE) for _ in range(count)])
        redis.delete(WAITING_KEY)


def any_pending(instance: Rig, webhooks: range | None = None) -> bool:
    """Return True if deliveries are pending: of any webhook, or of those with ids in ``webhooks``.

    The query is cheap, because it runs often.
    """
    query = select(Delivery.id).where(text("status = 'pending'")).limit(1)
    if webhooks is not None:
        query = query.where(Delivery.webhook_id >= webhooks.start, Delivery.webhook_id < webhooks.stop)
    with instance.app.app_context(), db.engine.connect() as connection:
        return connection.scalar(query) is not None


def attempts(instance: Rig) -> int:
    """Return how many attempts were made so far."""
    with instance.app.app_context(), db.engine.connect() as connection:
        return connection.scalar(select(func.max(Attempt.id))) or 0


def drain(instance: Rig, webhooks: range | None = None) -> float:
    """Wake the workers and wait until nothing is pending. Return the seconds that it took."""
    started = time.monotonic()
    with instance.app.app_context():
        wake()
    wait_for(lambda: not any_pending(instance, webhooks), 600, "the backlog is delivered")
    return time.monotonic() - started


def drain_first(instance: Rig, count: int) -> float:
    """Wake the workers and wait for the first ``count`` attempts. Return the seconds until the last of them started."""
    before, started_at = attempts(instance), utcnow()
    with instance.app.app_context():
        wake()
    wait_for(lambda: attempts(instance) - before >= count, what="the first deliveries are made")
    with instance.app.app_context(), db.engine.connect() as connection:
        query = select(Attempt.started_at).where(Attempt.id > before).order_by(Attempt.id).limit(count)
        return (max(connection.scalars(query)) - started_at).total_seconds()


def throughput(database: str, url: str, events: int) -> tuple[float, float]:
    """Deliver ``events`` to each of ``WEBHOOKS``.

    Return the deliveries a second, and the memory in MiB of the largest worker.
    """
    with engine(database, targets(url)) as instance:
        publish_backlog(instance, 10)
        drain(instance)  # warms up: it opens connections and loads code
        publish_backlog(instance, events)
        seconds = drain(instance)
        return events * WEBHOOKS / seconds, worker_memory(instance)


def memory_with_large_events(database: str, url: str, events: int) -> float:
    """Return the largest memory of a worker in MiB while the workers deliver events of nearly 256 KiB."""
    with engine(database, targets(url)) as instance:
        with instance.app.app_context():
            for _ in range(events):
                publish("production", [NewEvent("license.activated", {"x": "y" * 250_000})])
        most = 0.0

        def is_done() -> bool:
            nonlocal most
            most = max(most, worker_memory(instance))
            return not any_pending(instance)

        wait_for(is_done, 120, "the large events are delivered")
        return most


def healthy_beside_dead(database: str, healthy: str, dead: str, events: int) -> tuple[float, float]:
    """Return the deliveries a second to sixteen healthy webhooks: alone, and beside four that never answer."""
    rates = []
    for dead_count in (0, 4):
        with engine(database, targets(healthy, 16) + targets(dead, dead_count)) as instance:
            publish_backlog(instance, 10)
            drain(instance, range(1, 17))
            publish_backlog(instance, events)
            rates.append(events * 16 / drain(instance, range(1, 17)))
    return rates[0], rates[1]


def backlog(database: str, url: str, sizes: list[int], count: int, times: int) -> list[float]:
    """Return the milliseconds per delivery of the first ``count`` deliveries, for backlogs of each of ``sizes``.

    Each figure is the median of ``times`` measurements.
    """
    costs = []
    with engine(database, targets(url)) as instance:
        publish_backlog(instance, 50)
        drain(instance)
        for size in sizes:
            seconds = []
            for _ in range(times):
                _let_webhooks(instance, active=False)
                wait_for(lambda: not _any_leased(instance), what="nothing is under way")
                _fill(instance, size)
                _let_webhooks(instance, active=True)
                seconds.append(drain_first(instance, count))
            costs.append(statistics.median(seconds) / count * 1_000)
    return costs


def _let_webhooks(instance: Rig, active: bool) -> None:
    with instance.app.app_context(), write_transaction() as connection:
        connection.execute(update(Webhook).values(active=active))


def _any_leased(instance: Rig) -> bool:
    with instance.app.app_context(), db.engine.connect() as connection:
        query = select(Delivery.id).where(text("status = 'pending'"), Delivery.lease_token.is_not(None)).limit(1)
        return connection.scalar(query) is not None


def _fill(instance: Rig, size: int) -> None:
    """Add deliveries of one event to the webhooks in turn until ``size`` are pending.

    Then update the statistics of the database, so that it does no such work during the measurement.
    """
    with instance.app.app_context():
        with write_transaction() as connection:
            missing = size - connection.scalar(text("SELECT count(*) FROM deliveries WHERE status = 'pending'"))
            values = {
                "event_id": connection.scalar(text("SELECT max(id) FROM events")),
                "now": dialect(connection).time_value(utcnow()),
            }
            connection.execute(
                text(
                    "INSERT INTO deliveries (event_id, webhook_id, event_type, environment, trigger, status, due_at,"
                    " forced, attempts_count, created_at) SELECT :event_id, 1 + n % 20, 'license.activated',"
                    " 'production', 'event', 'pending', :now, false, 0, :now FROM " + numbers(connection, missing)
                ),
                values,
            )
        with db.engine.connect().execution_options(without_begin=True) as connection:
            if connection.dialect.name == "postgresql":
                connection.exec_driver_sql("VACUUM (ANALYZE) deliveries")
                connection.exec_driver_sql("CHECKPOINT")
            else:
                connection.exec_driver_sql("ANALYZE deliveries")


def worker_memory(instance: Rig) -> float:
    """Return the resident memory of the largest worker in MiB."""
    processes = (process for name, process in instance.processes.items() if name.startswith("worker"))
    return max(psutil.Process(process.pid).memory_info().rss for process in processes) / 2**20


def bare_loop(url: str, count: int, threads: int) -> float:
    """Return the requests a second of ``HTTPAdapter.send`` with prepared requests and without a database.

    It uses ``WORKERS`` processes.
    """
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
    event_id = new_event_id(utcnow())
    body = render_body(event_id, "production", NewEvent("license.activated", EXAMPLE), utcnow())
    sent = headers(event_id, "license.activated", "production", body, timestamp=0, attempt=1, keys=[b"x" * 32])
    tasks: queue.SimpleQueue[str | None] = queue.SimpleQueue()

    def work() -> None:
        while (target := tasks.get()) is not None:
            response = adapter.send(_prepared(target, sent, body), timeout=10)
            if response.status_code != 200:
                raise RuntimeError(f"The receiver answered {response.status_code}.")

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


def _prepared(url: str, headers: dict[str, str], body: bytes) -> requests.PreparedRequest:
    """Return a request without the use of a Session, which would take as long as sending it."""
    request = requests.PreparedRequest()
    request.method, request.url, request.body = "POST", url, body
    request.headers = requests.structures.CaseInsensitiveDict(headers)
    request.hooks = requests.hooks.default_hooks()
    return request


def job_per_delivery(url: str, count: int) -> float:
    """Return the deliveries a second of the simplest design: one RQ job per delivery, run by two SimpleWorkers."""
    with rig() as instance:
        redis = Redis(unix_socket_path=str(instance.folder / "redis.sock"))
        jobs = Queue("bench", connection=redis)
        for _ in range(count):
            jobs.enqueue("requests.post", url, data=b'{"type":"license.activated"}', timeout=10, result_ttl=0)
        socket = f"unix://{instance.folder}/redis.sock"
        command = [sys.executable, "-m", "rq.cli", "worker", "-u", socket, "-w", "rq.SimpleWorker", "-b", "-q", "bench"]
        processes = [subprocess.Popen(command, stderr=subprocess.DEVNULL) for _ in range(WORKERS)]
        wait_for(lambda: jobs.count < count, what="the first job is taken")  # don't measure the start of the processes
        started, todo = time.monotonic(), jobs.count
        for process in processes:
            process.wait()
        if jobs.count:
            raise RuntimeError("The workers ended before all jobs were done.")
        return todo / (time.monotonic() - started)
