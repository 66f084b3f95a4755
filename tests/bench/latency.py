"""Measures the time from ``POST /api/v1/events`` to the receiver, and how many events a second the API accepts."""

import contextlib
import json
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pycurl
from sqlalchemy import update

from tests.bench import receivers
from tests.bench.engine import EXAMPLE, WEBHOOKS, WORKERS, any_pending, targets
from tests.support.factories import make_api_key, make_webhook
from tests.support.rig import Rig, rig
from tests.support.waiting import wait_for
from webhooks_ui.database import write_transaction
from webhooks_ui.events.conditions import Condition, Filter, Match, Operator
from webhooks_ui.models import Webhook

CLIENTS = 4
MANY_CLIENTS = 64
TIMEOUT_SECONDS = 60
REST_SECONDS, REST_SHARE = 2.5, 0.06  # of one processor, for all processes, over a time with more than one sweep
Post = Callable[[bytes], None]  # publishes a body, and raises unless it was accepted
EVENT = {"type": "license.activated", "data": EXAMPLE}
PASSES_ALL = Filter(  # for EVENT
    Match.ALL,
    (
        Condition("product.id", Operator.EQUALS, str(EXAMPLE["product"]["id"])),
        Condition("product.name", Operator.STARTS_WITH, str(EXAMPLE["product"]["name"])[:3]),
        Condition("created_at", Operator.GREATER, "2020-01-01T00:00:00Z"),
        Condition("customer.name", Operator.ONE_OF, f"Nobody, {EXAMPLE['customer']['name']}"),
        Condition("nothing", Operator.MISSING),
    ),
).as_json()


@contextlib.contextmanager
def product(database: str, urls: list[str], workers: int = WORKERS) -> Iterator[tuple[Rig, str]]:
    """Yield a rig with web server, workers, scheduler and a webhook per URL, and an API key."""
    with rig(database) as instance:
        with instance.app.app_context():
            for number, url in enumerate(urls):
                make_webhook(name=f"Webhook {number}", url=url)
            _, key = make_api_key(rate_per_minute=10_000_000)
        for number in range(workers):
            instance.start_worker(number)
        instance.start_web()
        instance.start_scheduler()
        instance.wait_for_workers(workers)
        yield instance, key


def to_receiver(database: str, rate: int, seconds: float, dead: int = 0) -> tuple[dict[str, float], float]:
    """Publish ``rate`` events a second. Return percentiles of the milliseconds until they arrive, and what one costs.

    It costs processor milliseconds of web server, workers, scheduler and Redis together.

    Args:
        seconds: How long to publish.
        dead: The number of further webhooks that never answer.
    """
    log = Path(tempfile.mkdtemp(prefix="bench-")) / "received"
    with contextlib.ExitStack() as stack:
        url = stack.enter_context(receivers.receiver(log=log))
        silent = stack.enter_context(receivers.receiver(-1)) if dead else ""
        instance, key = stack.enter_context(product(database, [url] + [silent] * dead))
        offer(instance, key, rate, 2, "warm")
        _wait_for_rest(instance)
        before = _processor_seconds(*instance.processes.values())
        sent = offer(instance, key, rate, seconds, "evt")
        wait_for(lambda: len(_received(log).keys() & sent.keys()) == len(sent), what="all events arrive")
        received = _received(log)
        busy = _processor_seconds(*instance.processes.values()) - before
    return percentiles([(received[id] - at) * 1_000 for id, at in sent.items()]), busy / len(sent) * 1_000


def one_by_one(database: str, url: str, events: int) -> float:
    """Return the deliveries a second of ``events`` that many clients publish one by one to ``WEBHOOKS``."""
    with product(database, targets(url)) as (instance, key):
        together(instance, key, MANY_CLIENTS, EVENT)
        wait_for(lambda: not any_pending(instance), 60, "the first events are delivered")
        started = time.monotonic()
        together(instance, key, events, EVENT, MANY_CLIENTS)
        wait_for(lambda: not any_pending(instance), 600, "the events are delivered")
        return events * WEBHOOKS / (time.monotonic() - started)


def ingest(database: str, arrays: int, singles: int) -> tuple[float, float]:
    """Return the events a second that the API accepts in arrays of 1,000, and one by one from many clients.

    There are no webhooks and no workers.
    """
    with product(database, [], workers=0) as (instance, key):
        many = together(instance, key, arrays, [EVENT] * 1_000)
        one = together(instance, key, singles, EVENT, MANY_CLIENTS)
    return many * 1_000, one


def filters_cost(database: str, rounds: int, singles: int) -> tuple[float, float]:
    """Return what five conditions at each of 20 webhooks cost the API: in arrays, and one by one.

    The figures are shares of the web server's processor time, which depends less on what else the machine does.
    The conditions let every event pass, so that as many deliveries are stored as without them. The figures are medians
    of rounds with and without conditions in turn. There are no workers.
    """
    costs = []
    with product(database, targets("http://127.0.0.1:1"), workers=0) as (instance, key):
        web = instance.processes["web"]
        for _ in range(rounds):
            seconds = []
            for filter in (None, PASSES_ALL):
                _set_filter(instance, filter)
                before = _processor_seconds(web)
                together(instance, key, CLIENTS, [EVENT] * 100)
                between = _processor_seconds(web)
                together(instance, key, singles, EVENT)
                seconds.append((between - before, _processor_seconds(web) - between))
            costs.append([with_ / without for without, with_ in zip(*seconds, strict=True)])
    arrays, ones = (statistics.median(column) - 1 for column in zip(*costs, strict=True))
    return arrays, ones


def _wait_for_rest(instance: Rig) -> None:
    """Wait until the product has done what it does once after its start, such as the first run of each chore."""

    def rests() -> bool:
        before = _processor_seconds(*instance.processes.values())
        time.sleep(REST_SECONDS)
        return _processor_seconds(*instance.processes.values()) - before < REST_SECONDS * REST_SHARE

    wait_for(rests, 30, "the product rests")


def _processor_seconds(*started: subprocess.Popen[bytes]) -> float:
    """Return how long processes and their children have kept a processor busy."""
    parents = [psutil.Process(process.pid) for process in started]
    times = [process.cpu_times() for parent in parents for process in (parent, *parent.children(recursive=True))]
    return sum(time.user + time.system for time in times)


def _set_filter(instance: Rig, filter: dict[str, Any] | None) -> None:
    with instance.app.app_context(), write_transaction() as connection:
        connection.execute(update(Webhook).values(filter=filter))


def percentiles(values: list[float]) -> dict[str, float]:
    """Return ``p50``, ``p95`` and ``p99`` of ``values``."""
    ordered = sorted(values)
    return {f"p{p}": ordered[min(len(ordered) - 1, len(ordered) * p // 100)] for p in (50, 95, 99)}


def _received(log: Path) -> dict[str, float]:
    """Return the time at which each event first arrived, by id."""
    times: dict[str, float] = {}
    for line in log.read_text().splitlines() if log.exists() else []:
        id, _, at = line.partition(" ")
        times.setdefault(id, float(at))
    return times


def offer(instance: Rig, key: str, rate: int, seconds: float, prefix: str) -> dict[str, float]:
    """Publish at a steady rate. Return the time at which each event was sent, by id."""
    start, count = time.time() + 0.2, int(rate * seconds)
    sent: dict[str, float] = {}

    def publish(post: Post, number: int) -> None:
        id = f"{prefix}_{number}"
        body = json.dumps(EVENT | {"id": id}).encode()
        time.sleep(max(0.0, start + number / rate - time.time()))
        sent[id] = time.time()
        post(body)

    _clients(instance, key, count, publish)
    return sent


def together(instance: Rig, key: str, count: int, body: object, clients: int = CLIENTS) -> float:
    """Send ``count`` requests from so many clients. Return the requests a second."""
    sent = json.dumps(body).encode()

    def publish(post: Post, _number: int) -> None:
        post(sent)

    _clients(instance, key, clients * 2, publish, clients)
    started = time.monotonic()
    _clients(instance, key, count, publish, clients)
    return count / (time.monotonic() - started)


def _clients(instance: Rig, key: str, count: int, publish: Callable[[Post, int], None], clients: int = CLIENTS) -> None:
    """Share ``count`` calls of ``publish`` among the clients. Each client has its own connection.

    They are libcurl's, so that they leave the processor to what is measured.
    """

    def run(first: int) -> None:
        curl = pycurl.Curl()
        curl.setopt(pycurl.URL, f"http://127.0.0.1:{instance.port}/api/v1/events")
        curl.setopt(pycurl.HTTPHEADER, [f"Authorization: Bearer {key}", "Content-Type: application/json", "Expect:"])
        curl.setopt(pycurl.TIMEOUT, TIMEOUT_SECONDS)

        def post(body: bytes) -> None:
            curl.setopt(pycurl.POSTFIELDS, body)
            answer = curl.perform_rb()
            status = curl.getinfo(pycurl.RESPONSE_CODE)
            if status != 202:
                raise RuntimeError(f"The API did not accept the request: {status} {answer[:200]!r}")

        for number in range(first, count, clients):
            publish(post, number)
        curl.close()

    threads = [threading.Thread(target=run, args=(first,)) for first in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
