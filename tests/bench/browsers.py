"""Measures the pages of many people at once, while events are published and delivered."""

import contextlib
import http.client
import random
import threading
import time
from collections.abc import Iterator

from flask import Flask

from tests.bench import receivers
from tests.bench.front_door import Row
from tests.bench.latency import offer, percentiles, product
from tests.support.factories import make_user
from tests.support.people import start_session
from tests.support.rig import Rig
from webhooks_ui import create_app

THINKS_SECONDS = 3.0  # from one page to the next, on average
EVENTS_PER_SECOND = 20
WARM_UP = 4  # times each page, so that all processes have loaded its template
PAGES = (
    "/admin/webhooks",
    "/admin/webhooks?q=web&status=active",
    "/admin/webhooks/1",
    "/admin/webhook-deliveries",
    "/admin/webhook-deliveries?status=failed",
    "/admin/audit-log",
)


def rows(browsers: int, seconds: float) -> Iterator[Row]:
    """Yield measure, goal and figure.

    Args:
        browsers: how many there are.
        seconds: how long they go from page to page.
    """
    with receivers.nginx() as url, product("sqlite", [f"{url}/{number}" for number in range(5)]) as (instance, key):
        publisher = threading.Thread(target=offer, args=(instance, key, EVENTS_PER_SECOND, seconds, "evt"))
        publisher.start()
        times, errors = _browse(instance, browsers, seconds)
        publisher.join()
    found = percentiles(times)
    figure = f"p50 {found['p50']:.0f} ms, p99 {found['p99']:.0f} ms, {errors} errors in {len(times):,} pages"
    name = f"{browsers} browsers, {seconds:.0f} s, while {5 * EVENTS_PER_SECOND} deliveries a second go out"
    yield name, "p99 < 500 ms, 0 errors", figure


def _browse(instance: Rig, browsers: int, seconds: float) -> tuple[list[float], int]:
    """Open pages in all browsers. Return the milliseconds of each page, and the number of errors."""
    cookie = _signed_in(create_app(instance.app.config, web=True))
    for page in PAGES * WARM_UP:
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", instance.port, timeout=30)) as connection:
            connection.request("GET", page, headers={"Cookie": cookie})
            connection.getresponse().read()
    times: list[float] = []
    failed: list[str] = []
    end = time.monotonic() + seconds

    def browse(number: int) -> None:
        randomly = random.Random(number)
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", instance.port, timeout=30)) as connection:
            time.sleep(randomly.uniform(0, THINKS_SECONDS))
            while (started := time.monotonic()) < end:
                try:
                    connection.request("GET", randomly.choice(PAGES), headers={"Cookie": cookie})
                    answer = connection.getresponse()
                    answer.read()
                    if answer.status != 200:
                        failed.append(str(answer.status))
                except (OSError, http.client.HTTPException) as error:
                    failed.append(str(error))
                    connection.close()
                times.append((time.monotonic() - started) * 1_000)
                time.sleep(randomly.uniform(0, 2 * THINKS_SECONDS))

    threads = [threading.Thread(target=browse, args=(number,)) for number in range(browsers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return times, len(failed)


def _signed_in(app: Flask) -> str:
    """Return the header of a browser in which an admin is signed in."""
    client = app.test_client()
    with app.app_context():
        start_session(client, make_user())
    cookie = client.get_cookie("session")
    assert cookie
    return f"session={cookie.value}"


def main() -> None:
    """Measure as ``make bench`` does: ``python -m tests.bench.browsers``."""
    for row in rows(200, 60):
        print(*row, sep="\n  ", flush=True)


if __name__ == "__main__":
    main()
