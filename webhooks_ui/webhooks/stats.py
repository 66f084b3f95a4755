"""Reads the hourly statistics of webhooks: the health of the last day, and series for charts."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from math import inf, nextafter
from typing import Any

from sqlalchemy import ColumnElement, bindparam, func, select

from webhooks_ui.database import db, dialect
from webhooks_ui.database.statements import Query
from webhooks_ui.models import HourlyTotal, Stats, Webhook, utcnow
from webhooks_ui.models.stats import DURATION_BUCKETS_MS, FAILED
from webhooks_ui.models.webhook_state import IS_LIVE

HOUR = timedelta(hours=1)
LOW_PERCENT = 95  # pages warn of a success rate below it
OPEN_BUCKET_MS = DURATION_BUCKETS_MS[-2]  # the start of the last bucket, which holds attempts that timed out


_HOURS: list[Any] = [Stats.webhook_id, Stats.hour, Stats.succeeded]
_BY_HOUR = Query(  # built once, because that takes as long as running it
    lambda connection: (
        select(*_HOURS, func.sum(Stats.count))
        .where(dialect(connection).among_bound(Stats.webhook_id), Stats.hour >= bindparam("start"))
        .group_by(*_HOURS)
    )
)


@dataclass(frozen=True)
class Range:
    """A span of time in a number of equal steps."""

    label: str
    steps: int
    step: timedelta

    def start(self, now: datetime) -> datetime:
        """Return the start of the range whose last hour is that of ``now``."""
        return now.replace(minute=0, second=0, microsecond=0) + HOUR - self.steps * self.step


RANGES = {
    "24h": Range("24 hours", 24, HOUR),
    "7d": Range("7 days", 28, 6 * HOUR),
    "30d": Range("30 days", 30, 24 * HOUR),
}
KEPT = timedelta(days=31)  # longer than the longest of them


@dataclass
class Step:
    """The counts of attempts in one step."""

    start: datetime
    succeeded: int = 0
    failed: int = 0
    durations: Counter[int] = field(default_factory=Counter)  # by the upper ends of duration buckets, in milliseconds

    @property
    def total(self) -> int:
        return self.succeeded + self.failed

    def percentile(self, share: float) -> float | None:
        return percentile(self.durations, share)


@dataclass(frozen=True)
class Series:
    """A webhook's attempts over a range, the oldest step first."""

    steps: Sequence[Step]

    @property
    def succeeded(self) -> int:
        return sum(step.succeeded for step in self.steps)

    @property
    def total(self) -> int:
        return sum(step.total for step in self.steps)

    @property
    def success_percent(self) -> float | None:
        """The success rate to one decimal. It is 100 only if nothing failed, and ``None`` without attempts."""
        if not self.total:
            return None
        percent = round(100 * self.succeeded / self.total, 1)
        return min(percent, 99.9) if self.succeeded < self.total else percent

    @property
    def is_low(self) -> bool:
        """Whether the success rate, as it is shown, is so low that somebody should look."""
        return self.success_percent is not None and self.success_percent < LOW_PERCENT

    def percentile(self, share: float) -> float | None:
        """Return about how many milliseconds ``share`` of all attempts took at most, or ``None`` without attempts."""
        return percentile(sum((step.durations for step in self.steps), Counter()), share)


def percentile(durations: Counter[int], share: float) -> float | None:
    """Return about how many milliseconds ``share`` of the counted attempts took at most, or ``None`` without attempts.

    The estimate assumes that durations are spread evenly over their bucket, like Prometheus' ``histogram_quantile``.
    The last bucket has no known upper end, so a result in it is just above ``OPEN_BUCKET_MS``.
    """
    left = share * durations.total()
    for lower, upper in pairwise((0, *DURATION_BUCKETS_MS)):
        count = durations[upper]
        if count and left <= count:
            return nextafter(lower, inf) if lower == OPEN_BUCKET_MS else lower + (upper - lower) * left / count
        left -= count
    return None


def last_day(webhook_ids: Iterable[int]) -> dict[int, Series]:
    """Return the attempts of each webhook in the last 24 hours, with one query."""
    span = RANGES["24h"]
    start = span.start(utcnow())
    ids = list(webhook_ids)
    found: dict[int, list[Step]] = defaultdict(lambda: _steps(span, start))
    rows = _BY_HOUR.rows(db.session.connection(), {"ids": ids, "start": start})
    for webhook_id, hour, succeeded, count in rows:
        if step := _step_at(found[webhook_id], span, start, hour):
            _add(step, succeeded, count)
    return {webhook_id: Series(found.get(webhook_id, ())) for webhook_id in ids}


def series(webhook_id: int, span: Range) -> Series:
    """Return the attempts of one webhook over ``span``, with their durations."""
    return _series(Stats, span, Stats.webhook_id == webhook_id)


def totals(environment: str, span: Range) -> Series:
    """Return the attempts of all webhooks of ``environment`` (empty for all) over ``span``.

    They are as of the last run of the chore ``summarize``.
    """
    return _series(HourlyTotal, span, *([HourlyTotal.environment == environment] if environment else []))


def _series(table: type[Stats] | type[HourlyTotal], span: Range, *conditions: ColumnElement[bool]) -> Series:
    """Return the attempts over ``span`` in the rows of ``table`` for which all ``conditions`` hold."""
    start = span.start(utcnow())
    steps = _steps(span, start)
    query = select(table.hour, table.succeeded, table.duration_bucket_ms, table.count)
    for hour, succeeded, duration, count in db.session.execute(query.where(table.hour >= start, *conditions)):
        if step := _step_at(steps, span, start, hour):
            _add(step, succeeded, count)
            step.durations[duration] += count
    return Series(steps)


def worst(environment: str, span: Range, limit: int) -> list[tuple[int, int, int]]:
    """Return the webhooks with the most failed attempts over ``span``: the id, and how many failed and were made.

    Args:
        environment: of the webhooks. Empty: all.
    """
    start, failed = span.start(utcnow()), func.sum(Stats.count)
    query = select(Stats.webhook_id, failed).join(Webhook, Webhook.id == Stats.webhook_id)
    query = query.where(Stats.hour >= start, FAILED, IS_LIVE).group_by(Stats.webhook_id)
    if environment:
        query = query.where(Webhook.environment == environment)
    most = query.order_by(failed.desc(), Stats.webhook_id).limit(limit)
    counts: dict[int, int] = dict(db.session.execute(most).all())
    made = select(Stats.webhook_id, func.sum(Stats.count)).where(Stats.webhook_id.in_(counts), Stats.hour >= start)
    totals = dict(db.session.execute(made.group_by(Stats.webhook_id)).all())
    return [(id, count, totals[id]) for id, count in counts.items() if count]


def _steps(span: Range, start: datetime) -> list[Step]:
    return [Step(start + number * span.step) for number in range(span.steps)]


def _step_at(steps: list[Step], span: Range, start: datetime, hour: datetime) -> Step | None:
    number = (hour - start) // span.step
    return steps[number] if 0 <= number < len(steps) else None  # after a clock jump, rows may be in the future


def _add(step: Step, succeeded: bool, count: int) -> None:
    if succeeded:
        step.succeeded += count
    else:
        step.failed += count
