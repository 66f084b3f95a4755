"""``make bench``: measures, prints a table, and writes docs/benchmarks.md.

With ``--short`` it measures less, deliveries on SQLite and publications on PostgreSQL alone, and writes nothing. What
stands in the report below the table is kept. Compare only the ratios within one run. Machines differ, and the speed of
one machine changes from hour to hour.
"""

import argparse
import contextlib
import sys
from dataclasses import dataclass

from tests.bench import browsers, engine, front_door, keys, latency, pages, receivers, scanners
from tests.bench.total_memory import make_run_memory, told
from tests.support.machine import machine
from tests.support.rig import ROOT

REPORT = ROOT / "docs" / "benchmarks.md"
DATABASES = ("sqlite", "postgresql")


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    requests: int
    jobs: int
    events: int
    slow_events: int
    large_events: int
    seconds: float
    arrays: int
    singles: int
    rounds: int
    backlogs: tuple[int, ...]
    first: int
    times: int
    webhooks: int
    deliveries: int
    visits: int
    stalled: int  # clients of each kind
    browsers: int
    delivering: tuple[str, ...] = DATABASES  # on which deliveries are measured
    publishing: tuple[str, ...] = DATABASES  # on which publications are


FULL = Size(
    16_000,
    600,
    800,
    1_000,
    100,
    20,
    30,
    1_500,
    9,
    (1_000, 10_000, 100_000, 1_000_000),
    1_000,
    7,
    100_000,
    5_000_000,
    40,
    1_000,
    200,
)
SHORT = Size(
    3_000,
    150,
    100,
    60,
    20,
    3,
    5,
    200,
    1,
    (1_000, 10_000),
    1_000,
    2,
    10_000,
    20_000,
    15,
    200,
    50,
    delivering=("sqlite",),
    publishing=("postgresql",),
)


class Table:
    """Rows of measure, goal and figure. Each row is printed when it is added."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, str, str]] = []

    def add(self, measure: str, goal: str, figure: str) -> None:
        self.rows.append((measure, goal, figure))
        print(f"{measure:66} {goal:34} {figure}", flush=True)

    def __str__(self) -> str:
        lines = ["| measure | goal | measured |", "|---|---|---|"]
        return "\n".join(lines + [f"| {' | '.join(row)} |" for row in self.rows])


def measure(size: Size, table: Table) -> None:
    with receivers.nginx() as nginx:
        bare = measure_engine(size, table, nginx)
        measure_publishing(size, table, nginx, bare)
    for row in front_door.rows(size.stalled, 3 * size.seconds, size.singles):
        table.add(*row)
    for row in browsers.rows(size.browsers, 3 * size.seconds):
        table.add(*row)
    for database in DATABASES:
        for name, found in pages.server_times(database, size.webhooks, size.deliveries, size.visits).items():
            label = f"{database}: {name} ({size.webhooks:,} webhooks, {size.deliveries:,} deliveries)"
            table.add(label, "p95 ≤ 20 ms", f"p50 {found['p50']:.1f} ms, p95 {found['p95']:.1f} ms")
    for row in scanners.rows(short=size is SHORT):
        table.add(*row)
    if size is SHORT:
        return
    for name, found in pages.server_times("sqlite", 10_000, 0, size.visits).items():
        table.add(f"sqlite: {name} (10,000 webhooks)", "< 50 ms", f"p95 {found['p95']:.1f} ms")
    idle, most = make_run_memory()
    figure = f"{told(idle)}, at work {told(most)}"
    table.add("make run, all processes (proportional set size)", "≤ 180 MiB, at work ≤ 260 MiB", figure)


def measure_engine(size: Size, table: Table, nginx: str) -> float:
    """Return the requests a second of the bare loop."""
    with contextlib.ExitStack() as stack:
        slow, slower = (stack.enter_context(receivers.nginx(delay_seconds=delay)) for delay in (0.2, 2.0))
        dead = stack.enter_context(receivers.receiver(-1))
        jobs = engine.job_per_delivery(nginx, size.jobs)
        table.add("one RQ job a delivery, 2 SimpleWorkers", "baseline", f"{jobs:,.0f}/s")
        bare = max(engine.bare_loop(nginx, size.requests, threads) for threads in (8, 32))
        table.add("bare loop of HTTPAdapter.send, 2 processes, 8 or 32 threads", "baseline", f"{bare:,.0f}/s")
        for database in size.delivering:
            fast, memory = engine.throughput(database, nginx, size.events)
            goal = f"≥ 10 × job, ≥ {170 if database == 'sqlite' else 150} % of bare"
            figure = f"{fast:,.0f}/s = {fast / jobs:.1f} × job, {fast / bare:.0%} of bare"
            table.add(f"{database}: delivered, 2 workers, 20 webhooks", goal, figure)
            large = engine.memory_with_large_events(database, nginx, size.large_events)
            figure = f"{memory:.0f} MiB, with events of 256 KiB {large:.0f} MiB"
            table.add(f"{database}: memory of a worker", "< 120 MiB", figure)
            rate, _ = engine.throughput(database, slow, size.events)
            figure = f"{rate:,.0f}/s = {rate / fast:.0%} of those that answer at once"
            table.add(f"{database}: endpoints that take 200 ms", "≥ 3,500/s, or 90 % of fast ones", figure)
            rate, _ = engine.throughput(database, slower, size.slow_events)
            table.add(f"{database}: endpoints that take 2 s", "≥ 900/s", f"{rate:,.0f}/s")
            alone, beside = engine.healthy_beside_dead(database, nginx, dead, size.events // 2)
            figure = f"{beside:,.0f}/s of {alone:,.0f}/s = {beside / alone:.0%}"
            table.add(f"{database}: healthy ones, 20 % never answer", "≥ 85 %", figure)
            costs = engine.backlog(database, nginx, list(size.backlogs), size.first, size.times)
            worst = max(costs[1:]) / costs[0]
            figure = ", ".join(f"{n:,}: {cost:.2f} ms" for n, cost in zip(size.backlogs, costs, strict=True))
            table.add(f"{database}: cost of a delivery by backlog", "grows ≤ 15 %", f"{figure}; worst {worst - 1:+.0%}")
    return bare


def measure_publishing(size: Size, table: Table, nginx: str, bare: float) -> None:
    for database in size.publishing:
        for rate in (50, 200):
            found, busy = latency.to_receiver(database, rate, size.seconds)
            figure = ", ".join(f"{name} {value:.1f} ms" for name, value in found.items())
            table.add(f"{database}: POST to receiver at {rate}/s", "p50 ≤ 3.5, p95 ≤ 6, p99 ≤ 12 ms", figure)
            name = f"{database}: processor time of an event at {rate}/s, end to end"
            table.add(name, "≤ 2.2 ms", f"{busy:.1f} ms")
        found, _ = latency.to_receiver(database, 50, size.seconds, dead=4)
        figure = ", ".join(f"{name} {value:.1f} ms" for name, value in found.items())
        name = f"{database}: the same at 50/s beside 4 that never answer"
        table.add(name, "at most 3 ms more", figure)
        delivered = latency.one_by_one(database, nginx, size.singles // 2)
        name = f"{database}: delivered, published one by one by {latency.MANY_CLIENTS} clients, 20 webhooks"
        table.add(name, "≥ 100 % of bare", f"{delivered:,.0f}/s = {delivered / bare:.0%} of bare")
        arrays, singles = latency.ingest(database, size.arrays, size.singles)
        goal = "8,000 / 2,500 a second" if database == "sqlite" else "8,000 / 2,000 a second"
        name = f"{database}: taken in arrays of 1,000 / one by one by {latency.MANY_CLIENTS} clients"
        table.add(name, goal, f"{arrays:,.0f} / {singles:,.0f}")
        many, one = latency.filters_cost(database, size.rounds, size.singles // 5)
        figure = f"{many:+.0%} in arrays, {one:+.0%} one by one"
        table.add(f"{database}: 5 conditions at each of 20 webhooks cost the ingest", "≤ 15 %", figure)
        figure = f"{keys.cost(database, size.times * 20):+.0%} in arrays for one webhook"
        table.add(f"{database}: keys, by which events are found, cost the ingest", "≤ 10 %", figure)


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("--short", action="store_true", help="Measure small sizes and write no report.")
    size = SHORT if parser.parse_args().short else FULL
    table = Table()
    measure(size, table)
    if size is FULL:
        text = (
            "# Benchmarks\n\n`make bench` wrote this. Receiver, workers, web server, database and the clients that"
            f" measure share one machine: {machine()}.\n\n{table}\n"
        )
        _, heading, remarks = REPORT.read_text().partition("\n## ")
        REPORT.write_text(text + heading + remarks)
        print(f"\nWrote {REPORT.relative_to(ROOT)}.", file=sys.stderr)


if __name__ == "__main__":
    main()
