"""Health: apply a group of results to their webhooks and to the statistics, in the caller's transaction."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import reduce
from itertools import groupby
from types import SimpleNamespace
from typing import Any

from sqlalchemy import Connection, Select, bindparam, insert, or_, select, update

from jobs.retry import DISABLE_AFTER, SILENCE_MAX, Attempted, Health, judge
from jobs.throttle import Throttle, slow_down, speed_up
from webhooks_ui.audit import SYSTEM
from webhooks_ui.database import dialect
from webhooks_ui.database.statements import Query, add_many
from webhooks_ui.events.operational import About, News, disabled, failing, recovered, throttled
from webhooks_ui.models import AuditEntry, Stats, Webhook
from webhooks_ui.models.stats import duration_bucket_ms, hour_of
from webhooks_ui.webhooks import causes
from webhooks_ui.webhooks.causes import Failure


def count(connection: Connection, attempts: Sequence[Attempted]) -> None:
    """Add the attempts to the hourly statistics, but for those that were only asked to slow down.

    Do this last in a transaction: all workers add to the same rows, and wait for each other until the commit.
    """
    time = dialect(connection).time_value
    counts: Counter[tuple[int, Any, bool, int]] = Counter(
        (
            made.webhook_id,
            time(made.started_at.replace(minute=0, second=0, microsecond=0)),
            made.succeeded,
            duration_bucket_ms(made.duration_ms),
        )
        for made in attempts
        if not made.slows_down
    )
    rows = [(*key, count) for key, count in sorted(counts.items())]
    add_many(connection, Stats.__table__, ("webhook_id", "hour", "succeeded", "duration_bucket_ms", "count"), rows)


_HEALTH = ("consecutive_failures", "failing_since", "breaker_opened_at", "probe_at", "probes_failed")
_THROTTLE = ("throttled_until", "throttled_at", "throttle_rate", "throttle_step", "throttle_count")  # as in Throttle
_GIVEN_UP = ("given_up_count", "given_up_since")
_OTHERS = ("id", "name", "url", "environment", "active", "failures", "attempted_hour", "succeeded_hour")
_COLUMNS = {name: getattr(Webhook, name) for name in (*_OTHERS, *_HEALTH, *_THROTTLE, *_GIVEN_UP)}


def _ailing(connection: Connection) -> Select[Any]:
    """Return the query for webhooks whose health may change: those of ``ids`` that are ailing or ``failing`` now."""
    among = dialect(connection).among_bound
    may_change = or_(
        Webhook.consecutive_failures > 0,
        Webhook.breaker_opened_at.is_not(None),
        Webhook.throttle_rate.is_not(None),
        Webhook.succeeded_hour < bindparam("hour", type_=Webhook.succeeded_hour.type),
        among(Webhook.id, "failing"),
    )
    return (
        select(*_COLUMNS.values())
        .where(among(Webhook.id, "ids"), may_change)
        .order_by(Webhook.id)
        .with_for_update(key_share=True)  # inserting a row that refers to the webhook needn't wait for this lock
    )


_AILING = Query(_ailing)


def judge_webhooks(connection: Connection, attempts: Sequence[Attempted], threshold: int) -> list[News]:
    """Update the health of the webhooks. A healthy webhook that succeeds again in the same hour costs no write.

    Return the changes that are to be announced. What was sent to a URL that a webhook had before counts only for the
    hours in which there were attempts.

    Args:
        threshold: how many failures in a row open a webhook's breaker.
    """
    of_webhook: dict[int, list[Attempted]] = defaultdict(list)
    news: list[News] = []
    for one in sorted(attempts, key=lambda one: one.started_at):
        of_webhook[one.webhook_id].append(one)
    failing = {one.webhook_id for one in attempts if not one.succeeded}
    hour = max((hour_of(one.started_at) for one in attempts if one.succeeded), default=0)
    values = {"ids": [*of_webhook], "failing": [*failing], "hour": hour}
    for found in _AILING.rows(connection, values):
        row = SimpleNamespace(**dict(zip(_COLUMNS, found, strict=True)))
        made = of_webhook[row.id]
        own = [attempt for attempt in made if attempt.url == row.url]  # answers of an old URL tell nothing of this one
        health = Health(**{name: getattr(row, name) for name in _HEALTH})
        tried_since = _tried_since(connection, row, made[-1].at)
        for attempt in own:
            health = judge(health, attempt, threshold, tried_since)
        throttle = _throttled(Throttle(*(getattr(row, name) for name in _THROTTLE)), own)
        changed: dict[str, Any] = {name: getattr(health, name) for name in _HEALTH}
        changed |= zip(_THROTTLE, vars(throttle).values(), strict=True)
        changed |= zip(_GIVEN_UP, _given_up(row, own), strict=True)
        changed |= _last_hours(row, made) | {"failures": _failures(row.failures, own)}
        if health.disabled_reason and row.active:
            changed |= _disable(connection, row, health.disabled_reason, made[-1].at)
        connection.execute(update(Webhook).where(Webhook.id == row.id).values(changed))
        news += _changes(row, health, throttle, made[-1])
    return news


def _tried_since(connection: Connection, row: Any, at: datetime) -> datetime | None:
    """Return since when the attempts of a webhook before ``at`` have followed each other within ``SILENCE_MAX``.

    Return ``None`` if it doesn't matter, because the webhook has not failed for long enough. The first failure may be
    the only one in weeks, if the webhook gets few events.

    Args:
        row: a row of ``_ailing``.
    """
    if row.failing_since is None or at - row.failing_since < DISABLE_AFTER or not row.attempted_hour:
        return None
    hours = (
        select(Stats.hour)
        .where(Stats.webhook_id == row.id, Stats.hour >= at - DISABLE_AFTER - SILENCE_MAX)
        .distinct()
        .order_by(Stats.hour.desc())
    )
    since = at
    for hour in connection.scalars(hours):
        if since - hour > SILENCE_MAX:
            break
        since = min(since, hour)
    return since


def _changes(before: Any, health: Health, throttle: Throttle, last: Attempted) -> Iterator[News]:
    """Yield what has changed for a webhook.

    Args:
        before: its row of ``_ailing``.
        last: its last attempt.
    """
    about = About(before.id, before.name, before.url, before.environment)
    if health.disabled_reason and before.active:
        yield disabled(about, health.disabled_reason)
    elif health.breaker_opened_at and not before.breaker_opened_at:
        code = last.response_code
        yield failing(about, health.failing_since, health.consecutive_failures, last.outcome, code)
    elif before.breaker_opened_at and not health.breaker_opened_at:
        yield recovered(about, before.failing_since)
    if throttle.rate is not None and before.throttle_rate is None:
        yield throttled(about, throttle.until)


def _failures(stored: Sequence[Mapping[str, Any]], attempts: Sequence[Attempted]) -> list[dict[str, Any]]:
    """Return why the webhook fails after ``attempts``. A success ends what was before."""
    last_success = max((place for place, made in enumerate(attempts) if made.succeeded), default=-1)
    failed = [
        Failure(made.outcome, made.response_code, made.text, made.started_at, made.delivery_id)
        for made in attempts[last_success + 1 :]
        if not made.slows_down
    ]
    return causes.add(stored if last_success < 0 else (), failed)


def _last_hours(row: Any, attempts: Sequence[Attempted]) -> dict[str, int]:
    """Return the last hours of the webhook's statistics after ``attempts``."""
    made = [hour_of(one.started_at) for one in attempts if not one.slows_down]
    succeeded = [hour_of(one.started_at) for one in attempts if one.succeeded]
    return {
        "attempted_hour": max([row.attempted_hour, *made]),
        "succeeded_hour": max([row.succeeded_hour, *succeeded]),
    }


def _throttled(throttle: Throttle, attempts: Sequence[Attempted]) -> Throttle:
    """Return what follows from ``attempts`` for the rate at which a webhook is sent to."""
    for slows_down, group in groupby(attempts, key=lambda attempt: attempt.slows_down):
        made = list(group)
        if slows_down:
            throttle = reduce(slow_down, made, throttle)
        elif throttle.rate is not None and (successes := sum(attempt.succeeded for attempt in made)):
            throttle = speed_up(throttle, successes, made[-1].at)
    return throttle


def _given_up(row: Any, attempts: Sequence[Attempted]) -> tuple[int, datetime | None]:
    """Return how many deliveries were given up after ``attempts``, and when the oldest was made. A success ends that.

    Args:
        row: a row of ``_ailing``.
    """
    count, since = row.given_up_count, row.given_up_since
    for made in attempts:
        if made.succeeded:
            count, since = 0, None
        elif made.given_up:
            count, since = count + 1, min(since or made.given_up, made.given_up)
    return count, since


def _disable(connection: Connection, webhook: Any, reason: str, at: datetime) -> dict[str, Any]:
    """Record in the audit log that ``webhook`` is disabled automatically. Return the new values of its columns."""
    entry = {
        "at": at,
        "actor": SYSTEM,
        "action": "webhook.disabled",
        "object_type": "webhook",
        "object_id": webhook.id,
        "object_name": webhook.name,
        "before": {"active": True},
        "after": {"active": False, "reason": reason},
    }
    connection.execute(insert(AuditEntry.__table__), entry)
    return {"active": False, "disabled_at": at, "disabled_reason": reason, "version": Webhook.version + 1}
