"""How fast the engine delivers: against one RQ job a delivery, and against a bare loop of ``HTTPAdapter.send``."""

import multiprocessing
import queue
import threading
import time

import psutil
from sqlalchemy import func, select, text

from jobs.publish import NewEvent, publish
from jobs.wake import wake
from tests.bench import receivers
from tests.factories import make_webhook
from tests.rig import Rig, rig, until
from webhooks_ui.event_types import EVENT_TYPES
from webhooks_ui.extensions import db
from webhooks_ui.models import Delivery

WORKERS = 2
WEBHOOKS = 20
EXAMPLE = EVENT_TYPES["license.activated"].example


def publish_backlog(instance: Rig, events: int) -> None:
    """Store ``events`` without waking anyone, in arrays of 1,000."""
    with instance.app.app_context():
        instance.app.extensions["redis"].set("webhooks:deliver-waiting", "1", ex=600)
        for start in range(0, events, 1_000):
            count = min(1_000, events - start)
            publish("production", [NewEvent("license.activated", EXAMPLE) for _ in range(count)])
        instance.app.extensions["redis"].delete("webhooks:deliver-waiting")


def delivered(instance: Rig) -> int:
    with instance.app.app_context(), db.engine.connect() as connection:
        query = select(func.count()).select_from(Delivery).where(text("status = 'delivered'"))
        return connection.scalar(query) or 0


def pending(instance: Rig) -> int:
    with instance.app.app_context(), db.engine.connect() as connection:
        return connection.scalar(select(func.count()).select_from(Delivery).where(text("status = 'pending'"))) or 0


def drain(instance: Rig, seconds: float = 300) -> float:
    """Seconds from the wake-up until nothing is pending."""
    started = time.monotonic()
    with instance.app.app_context():
        wake()
    until(lambda: pending(instance) == 0, seconds, "the backlog is delivered")
    return time.monotonic() - started


def throughput(database: str, url: str, events: int, webhooks: int = WEBHOOKS) -> tuple[float, float]:
    """Deliveries a second of a backlog of ``events`` × ``webhooks``, and the workers' largest memory in MiB."""
    with rig(database) as instance:
        with instance.app.app_context():
            for number in range(webhooks):
                make_webhook(name=f"Webhook {number}", url=f"{url}/{number}")
        for number in range(WORKERS):
            instance.start_worker(number)
        instance.wait_for_workers(WORKERS)
        publish_backlog(instance, 10)
        drain(instance)  # connections are open, code is loaded
        publish_backlog(instance, events)
        seconds = drain(instance)
        memory = max(psutil.Process(p.pid).memory_info().rss for n, p in instance.processes.items() if "worker" in n)
        return events * webhooks / seconds, memory / 2**20


def bare_loop(url: str, requests: int, threads: int = 32, processes: int = WORKERS) -> float:
    """Requests a second of ``HTTPAdapter.send`` with prepared requests, without a database."""
    context = multiprocessing.get_context("spawn")
    barrier, done = context.Barrier(processes + 1), context.Queue()
    children = [
        context.Process(target=_bare_process, args=(url, requests // processes, threads, barrier, done))
        for _ in range(processes)
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
    return requests / seconds


def _bare_process(url: str, requests: int, threads: int, barrier, done) -> None:  # type: ignore[no-untyped-def]
    from requests.adapters import HTTPAdapter

    from jobs.publish import new_event_id, render_body
    from jobs.send import _prepare
    from jobs.sign import headers
    from webhooks_ui.models import utcnow

    adapter = HTTPAdapter(pool_maxsize=threads)
    event_id = new_event_id()
    body = render_body(event_id, "production", NewEvent("license.activated", EXAMPLE), utcnow())
    fixed = headers(event_id, "license.activated", "production", body, timestamp=0, attempt=1, keys=[b"x" * 32])
    tasks: queue.SimpleQueue[str | None] = queue.SimpleQueue()

    def work() -> None:
        while (target := tasks.get()) is not None:
            response = adapter.send(_prepare(target, fixed, body), timeout=10)
            assert response.status_code == 200

    pool = [threading.Thread(target=work) for _ in range(threads)]
    for thread in pool:
        thread.start()
    barrier.wait()
    for number in range(requests):
        tasks.put(f"{url}/{number % WEBHOOKS}")
    for _ in pool:
        tasks.put(None)
    for thread in pool:
        thread.join()
    done.put(True)


def job_per_delivery(url: str, deliveries: int) -> float:
    """Deliveries a second of the obvious design: one RQ job with ``requests`` for each, two SimpleWorkers."""
    import subprocess
    import sys

    from redis import Redis
    from rq import Queue

    with rig() as instance:
        redis = Redis(unix_socket_path=str(instance.folder / "redis.sock"))
        jobs = Queue("bench", connection=redis)
        body = b'{"type":"license.activated"}'
        for _ in range(deliveries):
            jobs.enqueue("requests.post", url, data=body, timeout=10, result_ttl=0)
        command = [sys.executable, "-m", "rq.cli", "worker", "-u", f"unix://{instance.folder}/redis.sock", "-b", "-q"]
        started = time.monotonic()
        processes = [
            subprocess.Popen([*command, "-w", "rq.SimpleWorker", "bench"], stderr=subprocess.DEVNULL)
            for _ in range(WORKERS)
        ]
        for process in processes:
            process.wait()
        assert jobs.count == 0
        return deliveries / (time.monotonic() - started)


if __name__ == "__main__":
    with receivers.nginx() as url:
        print("bare", bare_loop(url, 8000))
        print("bare8", bare_loop(url, 8000, 8))
        print("sqlite", throughput("sqlite", url, 400))
        print("postgresql", throughput("postgresql", url, 400))
        print("job per delivery", job_per_delivery(url, 400))
