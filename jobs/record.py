"""Record: write attempts, states, health and statistics for a group of results, in the caller's transaction."""

import json
import logging
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DataError, IntegrityError

from jobs.claim import Claimed
from jobs.health import Counted, count, judge_webhooks
from jobs.retry import Attempted, decide
from jobs.send import Result
from webhooks_ui.database import dialect, write_transaction
from webhooks_ui.deliveries.outcomes import Outcome
from webhooks_ui.deliveries.schedules import SCHEDULES_SECONDS, gives_up_at
from webhooks_ui.models import Attempt, Delivery

Finished = tuple[Claimed, Mapping[str, str], Result]  # a delivery, the headers of its request, and the result
Time = Callable[[datetime | None], Any]

logger = logging.getLogger(__name__)


def record(
    connection: Connection,
    token: str,
    finished: Sequence[Finished],
    settings: Mapping[str, Any],
    jitter: Callable[[], float] = random.random,
) -> None:
    """Write the results of those deliveries in ``finished`` that ``token`` still holds.

    A result whose lease was lost is dropped, because the worker that holds the delivery now writes its own result.

    Args:
        settings: the product's settings. ``retry_schedule`` and ``alert_threshold`` are used.
        jitter: returns a number from 0 to 1 for each next attempt.
    """
    held = _held(connection, token, [claimed.id for claimed, _, _ in finished])
    written = [item for item in finished if item[0].id in held]
    if len(written) < len(finished):
        logger.warning("%d results came after their lease had run out", len(finished) - len(written))
    if not written:
        return
    database = dialect(connection)
    time = database.time_value
    database.insert_many(connection, Attempt.__table__, _ATTEMPT, [_attempt_row(*item, time) for item in written])
    decided = [_delivery_row(item[0], item[2], settings["retry_schedule"], jitter, time) for item in written]
    database.update_many(connection, Delivery.__table__, _DELIVERY, decided)
    counted = [
        Counted(claimed.target.id, _attempted(claimed, result), result.started_at, result.duration_ms)
        for claimed, _, result in written
    ]
    count(connection, counted)
    judge_webhooks(connection, counted, settings["alert_threshold"])


def record_one_by_one(token: str, finished: list[Finished], settings: Mapping[str, Any]) -> None:
    """Write each result in a transaction of its own, and remove it from ``finished``.

    If a result can't be stored, store it without the endpoint's answer. Otherwise its delivery would be sent for ever.
    """
    while finished:
        try:
            _record_alone(token, finished[-1], settings)
        except (DataError, IntegrityError, ValueError):
            logger.exception("The answer of the endpoint of delivery %d can't be stored", finished[-1][0].id)
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
    database = dialect(connection)
    held = f"deliveries WHERE id IN {database.JSON_IDS} AND lease_token = :token ORDER BY id {database.ROW_LOCK}"
    return set(database.select_rows(connection, int, "id", held, {"ids": json.dumps(ids), "token": token}))


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
        result.detail.replace("\0", ""),  # PostgreSQL can't store this character in a text
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
    "throttled_count",
)


def _delivery_row(
    claimed: Claimed, result: Result, schedule: str, jitter: Callable[[], float], time: Time
) -> tuple[Any, ...]:
    attempt = _attempted(claimed, result)
    delays = SCHEDULES_SECONDS[claimed.target.retry_schedule or schedule]
    decision = decide(attempt, delays, claimed.attempts_allowed, jitter, _gives_up_at(claimed, delays))
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
        claimed.throttled_count + attempt.slows_down,
        claimed.id,
    )


def _gives_up_at(claimed: Claimed, delays: Sequence[int]) -> datetime:
    """Return until when a delivery may be asked to wait. A test is over after its one attempt."""
    return claimed.created_at if claimed.is_test else claimed.give_up_at or gives_up_at(claimed.created_at, delays)


def _attempted(claimed: Claimed, result: Result) -> Attempted:
    return Attempted(
        succeeded=result.outcome == Outcome.DELIVERED,
        number=claimed.attempt - claimed.throttled_count,
        at=result.started_at + timedelta(milliseconds=result.duration_ms),
        response_code=result.response_code,
        retry_after_seconds=result.retry_after_seconds,
        started_at=result.started_at,
        is_probe=claimed.target.is_probe,
    )
