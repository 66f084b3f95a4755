"""Measures a healthy client, and the events a second, while other clients stall."""

import contextlib
import http.client
import time
from collections.abc import Iterator

from tests.bench.latency import EVENT, percentiles, product, together
from tests.support.stalled import KINDS, stalled_clients

Row = tuple[str, str, str]  # measure, goal, figure
PAUSE_SECONDS = 0.02


def rows(stalled: int, seconds: float, singles: int) -> Iterator[Row]:
    """Yield measure, goal and figure.

    Args:
        stalled: How many clients of each kind stall.
        seconds: How long a healthy client opens a page, again and again, beside them.
        singles: How many events are published one by one, before, beside and after them.
    """
    with product("sqlite", [], workers=0) as (instance, key):
        before = together(instance, key, singles, EVENT)
        with stalled_clients(instance.port, stalled) as clients:
            times, errors = _visit(instance.port, seconds)
            beside = together(instance, key, singles, EVENT)
            opened = clients.opened
        alone = (before + together(instance, key, singles, EVENT)) / 2
    found = percentiles(times)
    name = f"{stalled * len(KINDS):,} stalled connections ({stalled:,} of each kind, {opened:,} opened)"
    figure = f"p50 {found['p50']:.0f} ms, p99 {found['p99']:.0f} ms, {errors} errors in {len(times):,}"
    yield f"{name}: the sign-in page, {seconds:.0f} s", "p99 < 500 ms, 0 errors", figure
    yield f"{name}: taken one by one", "≥ 80 % of alone", f"{beside:,.0f} of {alone:,.0f}/s = {beside / alone:.0%}"


def _visit(port: int, seconds: float) -> tuple[list[float], int]:
    """Open a page on a new connection again and again. Return the milliseconds of each, and the number of errors."""
    times: list[float] = []
    errors = 0
    end = time.monotonic() + seconds
    while (started := time.monotonic()) < end:
        try:
            with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as client:
                client.request("GET", "/login")
                errors += client.getresponse().status != 200
        except OSError:
            errors += 1
        times.append((time.monotonic() - started) * 1_000)
        time.sleep(PAUSE_SECONDS)
    return times, errors


def main() -> None:
    """Measure as ``make bench`` does: ``python -m tests.bench.front_door``."""
    for row in rows(1_000, 60, 1_500):
        print(*row, sep="\n  ", flush=True)


if __name__ == "__main__":
    main()
