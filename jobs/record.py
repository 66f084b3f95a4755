"""Record: attempts, delivery states, health and statistics of a group of results, in the caller's transaction."""

import json
import logging
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, insert, or_, select, update
from sqlalchemy.exc import DataError, IntegrityError

from jobs.bulk import add_many, insert_many, listed, select_many, time_for, update_many
from jobs.claim import Claimed
from jobs.retry import Attempted, Health, decide, judge
from jobs.send import Result
from webhooks_ui.extensions import write_transaction
from webhooks_ui.models import Attempt, AuditEntry, Delivery, Stats, Webhook
from webhooks_ui.models.stats import duration_bucket_ms
from webhooks_ui.outcomes import Outcome

Finished = tuple[Claimed, Mapping[str, str], Result]  # with the request's headers
Time = Callable[[datetime | None], Any]

logger = logging.getLogger(__name__)


def record(
    connection: Connection,
    token: str,
    finished: Sequence[Finished],
    settings: Mapping[str, Any],
    jitter: Callable[[], float] = random.random,
) -> None:
    """Write what came of ``finished``, so far as ``token`` still holds it.

    A result whose lease was lost meanwhile is dropped: whoever holds the delivery now writes its own.

    Args:
        settings: ``retry_schedule`` and ``alert_threshold`` of the product's settings.
    """
    held = _held(connection, token, [claimed.id for claimed, _, _ in finished])
    written = [item for item in finished if item[0].id in held]
    if len(written) < len(finished):
        logger.warning("%d results came after their lease had run out", len(finished) - len(written))
    if not written:
        return
    time = time_for(connection)
    insert_many(connection, Attempt.__table__, _ATTEMPT, [_attempt_row(*item, time) for item in written])
    decided = [_delivery_row(item[0], item[2], settings["retry_schedule"], jitter, time) for item in written]
    update_many(connection, Delivery.__table__, _DELIVERY, decided)
    _count(connection, written, time)
    _judge(connection, written, settings["alert_threshold"])


def record_one_by_one(token: str, finished: list[Finished], settings: Mapping[str, Any]) -> None:
    """Write, and take out of ``finished``, results of which one can't be stored: that one without its answer.

    Better that than to send the delivery for ever.
    """
    while finished:
        try:
            _record_alone(token, finished[-1], settings)
        except (DataError, IntegrityError, ValueError):
            logger.exception("What the endpoint of delivery %d answered can't be stored", finished[-1][0].id)
            _record_alone(token, _without_answer(finished[-1]), settings)
        finished.pop()


def _record_alone(token: str, item: Finished, settings: Mapping[str, Any]) -> None:
    with write_transaction() as connection:
        record(connection, token, [item], settings)


def _without_answer(item: Finished) -> Finished:
    claimed, headers, result = item
    detail = "The answer can't be shown."
    return claimed, headers, replace(result, detail=detail, response_headers=[], response_body=None)


def _held(connection: Connection, token: str, ids: Sequence[int]) -> set[int]:
    values = {"ids": json.dumps(ids), "token": token}
    condition = f"deliveries WHERE id IN {listed(connection)} AND lease_token = :token"
    if connection.dialect.name == "postgresql":
        condition += " ORDER BY id FOR UPDATE"
    return {id for (id,) in select_many(connection, "id", condition, values)}


_ATTEMPT = (
    "delivery_id",
    "number",
    "started_at",
    "duration_ms",
    "outcome",
    "detail",
    "url",
    "address",
    "tls",
    "request_headers",
    "response_code",
    "response_headers",
    "response_body",
    "response_truncated",
)


def _attempt_row(claimed: Claimed, headers: Mapping[str, str], result: Result, time: Time) -> tuple[Any, ...]:
    return (
        claimed.id,
        claimed.attempt,
        time(result.started_at),
        result.duration_ms,
        str(result.outcome),
        result.detail.replace("\0", ""),  # PostgreSQL's text has no room for it
        claimed.target.url,
        result.address,
        result.tls,
        json.dumps(headers),
        result.response_code,
        json.dumps(result.response_headers),
        result.response_body,
        result.response_truncated,
    )


_DELIVERY = (
    "status",
    "due_at",
    "attempts_count",
    "response_code",
    "outcome",
    "duration_ms",
    "last_attempt_at",
    "lease_token",
    "forced",
)


def _delivery_row(
    claimed: Claimed, result: Result, schedule: str, jitter: Callable[[], float], time: Time
) -> tuple[Any, ...]:
    attempt = _attempted(claimed, result)
    decision = decide(attempt, claimed.target.retry_schedule or schedule, claimed.attempts_allowed, jitter)
    return (
        decision.status,
        time(decision.due_at),
        claimed.attempt,
        result.response_code,
        str(result.outcome),
        result.duration_ms,
        time(result.started_at),
        None,
        False,
        claimed.id,
    )


def _attempted(claimed: Claimed, result: Result) -> Attempted:
    return Attempted(
        succeeded=result.outcome == Outcome.DELIVERED,
        number=claimed.attempt,
        at=result.started_at + timedelta(milliseconds=result.duration_ms),
        response_code=result.response_code,
        retry_after_seconds=result.retry_after_seconds,
        is_probe=claimed.target.is_probe,
    )


def _count(connection: Connection, written: Sequence[Finished], time: Time) -> None:
    """Add the attempts to the hourly statistics."""
    counts: Counter[tuple[int, datetime, bool, int]] = Counter(
        (
            claimed.target.id,
            result.started_at.replace(minute=0, second=0, microsecond=0),
            result.outcome == Outcome.DELIVERED,
            duration_bucket_ms(result.duration_ms),
        )
        for claimed, _, result in written
    )
    rows = [
        (id, time(hour), succeeded, bucket, count) for (id, hour, succeeded, bucket), count in sorted(counts.items())
    ]
    add_many(connection, Stats.__table__, ("webhook_id", "hour", "succeeded", "duration_bucket_ms", "count"), rows)


_HEALTH = ("consecutive_failures", "failing_since", "breaker_opened_at", "probe_at", "probes_failed")
_AILING = (
    select(Webhook.id, Webhook.name, Webhook.active, *(getattr(Webhook, name) for name in _HEALTH))
    .where(
        Webhook.id.in_(bindparam("ids", expanding=True)),
        or_(
            Webhook.consecutive_failures > 0,
            Webhook.breaker_opened_at.is_not(None),
            Webhook.id.in_(bindparam("failing", expanding=True)),
        ),
    )
    .order_by(Webhook.id)
    .with_for_update(key_share=True)  # who inserts a row that refers to the webhook needn't wait
)


def _judge(connection: Connection, written: Sequence[Finished], threshold: int) -> None:
    """Bring the webhooks' health up to date. A healthy webhook that succeeds again costs no write."""
    attempts: dict[int, list[Attempted]] = defaultdict(list)
    for claimed, _, result in sorted(written, key=lambda item: item[2].started_at):
        attempts[claimed.target.id].append(_attempted(claimed, result))
    failing = [id for id, made in attempts.items() if not all(attempt.succeeded for attempt in made)]
    for row in connection.execute(_AILING, {"ids": list(attempts), "failing": failing}).all():
        health = Health(**{name: getattr(row, name) for name in _HEALTH})
        for attempt in attempts[row.id]:
            health = judge(health, attempt, threshold)
        values = {name: getattr(health, name) for name in _HEALTH}
        if health.disabled_reason and row.active:
            values |= _disable(connection, row, health.disabled_reason, attempts[row.id][-1].at)
        connection.execute(update(Webhook).where(Webhook.id == row.id).values(values))


def _disable(connection: Connection, webhook: Any, reason: str, at: datetime) -> dict[str, Any]:
    """Note in the audit log that the engine makes ``webhook`` inactive; the columns that do it."""
    entry = {
        "at": at,
        "actor": "system",
        "action": "webhook.disabled",
        "object_type": "webhook",
        "object_id": webhook.id,
        "object_name": webhook.name,
        "before": {"active": True},
        "after": {"active": False, "reason": reason},
    }
    connection.execute(insert(AuditEntry.__table__), entry)
    return {"active": False, "disabled_at": at, "disabled_reason": reason, "version": Webhook.version + 1}
