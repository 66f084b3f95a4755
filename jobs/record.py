"""Record: write attempts, states, health and statistics for a group of results, in the caller's transaction."""

import json
import logging
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, select, update
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, InvalidRequestError

from jobs.announce import announce, is_announced
from jobs.claim import Claimed, release
from jobs.compose import Request
from jobs.health import count, judge_webhooks
from jobs.retry import NEVER, Attempted, Decision, at_old_url, decide
from jobs.send import Result
from jobs.store import table_of
from webhooks_ui.database import dialect, write_transaction
from webhooks_ui.deliveries.outcomes import Outcome
from webhooks_ui.deliveries.request_headers import SIGNATURE, Kept, Sent, kept_of
from webhooks_ui.events.operational import About, News, delivery_failed
from webhooks_ui.masking import mask_cookies, mask_urls
from webhooks_ui.models import Attempt, Delivery, DeliveryStatus, Webhook, utcnow
from webhooks_ui.models.delivery import ONE_MORE
from webhooks_ui.schedules import delays_of, gives_up_at
from webhooks_ui.webhooks.causes import text_of

Finished = tuple[Claimed, Request, Result]  # a delivery, what was sent, and the result
Time = Callable[[datetime | None], Any]
AGAIN_AFTER = timedelta(hours=1)  # for a delivery of which no attempt can be stored


class Recorded(NamedTuple):
    """A result that was written, and what follows from it."""

    claimed: Claimed
    result: Result
    decision: Decision
    attempted: Attempted


logger = logging.getLogger(__name__)


def record(
    connection: Connection, token: str, finished: Sequence[Finished], settings: Mapping[str, Any]
) -> list[Recorded]:
    """Write the results of those deliveries in ``finished`` that ``token`` still holds. Return what was written.

    A result whose lease was lost is dropped, because the worker that holds the delivery now writes its own result. The
    statistics are left to ``health.count``.

    Args:
        settings: the product's settings. ``retry_schedule`` and ``alert_threshold`` are used.
    """
    database = dialect(connection)
    time = database.time_value
    schedule = settings["retry_schedule"]
    attempts = [_attempted(claimed, result) for claimed, _, result in finished]
    urls = _urls(connection, attempts)
    decided = [
        _decided(claimed, result, attempt, schedule, has_moved=urls.get(claimed.target.id, attempt.url) != attempt.url)
        for (claimed, _, result), attempt in zip(finished, attempts, strict=True)
    ]
    columns, rows = table_of([_delivery_row(item, time) for item in decided])
    held = database.update_held(connection, Delivery.__table__, columns[:-1], rows, token, _RELEASED)
    written = [item for item in finished if item[0].id in held]
    recorded = [item for item in decided if item.claimed.id in held]
    if len(written) < len(finished):
        logger.warning("%d results came after their lease had run out", len(finished) - len(written))
    if not written:
        return []
    database.insert_many(connection, Attempt.__table__, *table_of([_attempt_row(*item, time) for item in written]))
    if asked := list(_first_asked(recorded, schedule)):
        connection.execute(_GIVE_UP, asked)
    news = judge_webhooks(connection, [item.attempted for item in recorded], settings["alert_threshold"])
    announce(connection, [*news, *_given_up(recorded)])
    return recorded


def record_alone(token: str, item: Finished, settings: Mapping[str, Any]) -> list[Recorded]:
    """Write a result in a transaction of its own. Return it, unless its lease was lost.

    If it can't be stored, store it without the endpoint's answer. If that is impossible, too, try the delivery again
    much later. Otherwise it would be sent again and again.
    """
    claimed, request, answered = item
    bare = replace(answered, detail="The answer can't be shown.", response_headers=[], response_body=None)
    for result, problem in (
        (answered, "The answer of the endpoint of delivery %d can't be stored"),
        (bare, "The attempt of delivery %d can't be stored. It is made again in an hour."),
    ):
        try:
            with write_transaction() as connection:
                recorded = record(connection, token, [(claimed, request, result)], settings)
                count(connection, [each.attempted for each in recorded])
                return recorded
        except Exception as error:
            if may_pass(error):
                raise
            logger.exception(problem, claimed.id)
    with write_transaction() as connection:
        release(connection, utcnow() + AGAIN_AFTER, token, [claimed.id])
    return []


def may_pass(error: Exception) -> bool:
    """Return True if the database may take the same later. Else something is wrong with what it was given."""
    is_refused = isinstance(error, DataError | IntegrityError)
    return isinstance(error, DBAPIError | InvalidRequestError) and not is_refused


def _given_up(recorded: Sequence[Recorded]) -> Iterator[News]:
    """Yield the deliveries that failed for good."""
    for claimed, result, decision, _ in recorded:
        if decision.status == DeliveryStatus.FAILED and is_announced(claimed.event_type, is_test=claimed.is_test):
            about = About(claimed.target.id, claimed.target.name, claimed.target.url, claimed.target.environment)
            event = claimed.event_id, claimed.event_type
            yield delivery_failed(about, claimed.id, claimed.attempt, event, result.outcome, result.response_code)


def _attempt_row(claimed: Claimed, request: Request, result: Result, time: Time) -> dict[str, Any]:
    """Return the row of an attempt, in the types of the driver."""
    kept = _kept(claimed, request, result)
    return {
        "delivery_id": claimed.id,
        "number": claimed.attempt,
        "started_at": time(result.started_at),
        "duration_ms": result.duration_ms,
        "outcome": str(result.outcome),
        "detail": mask_urls(result.detail).replace("\0", ""),  # PostgreSQL can't store this character in a text
        "url": claimed.target.url,
        "address": result.address,
        "tls": result.tls,
        "request_headers": json.dumps(kept.headers),
        "signature": kept.signature,
        "sent_by": kept.version,
        "request_body": None if request.body == claimed.body else request.body,
        "response_code": result.response_code,
        "response_headers": json.dumps(mask_cookies(result.response_headers)),
        "response_body": result.response_body,
        "response_truncated": result.response_truncated,
    }


def _kept(claimed: Claimed, request: Request, result: Result) -> Kept:
    """Return what is stored of the request's headers, without secrets."""
    headers = claimed.target.options.masked(request.headers)
    if "Content-Length" not in headers:  # nothing was sent
        return Kept({**headers})
    event = claimed.event_id, claimed.event_type, claimed.environment
    length = int(headers["Content-Length"])  # the body may be gone by now
    attempt = claimed.attempt, int(result.started_at.timestamp()), headers.get(SIGNATURE, "")
    traceparent = None if claimed.trace.parent else claimed.trace.sent_on  # if spans are recorded, it isn't the event's
    return kept_of(headers, Sent(*event, length, *attempt, claimed.is_test, traceparent, is_replay=claimed.is_replay))


_RELEASED = "lease_token = NULL, forced = false"
_GIVE_UP = update(Delivery.__table__).where(Delivery.id == bindparam("of")).values(give_up_at=bindparam("until"))


def _urls(connection: Connection, attempts: Sequence[Attempted]) -> dict[int, str]:
    """Return the present URLs of those webhooks whose endpoints are gone or say how long to wait."""
    ids = {made.webhook_id for made in attempts if made.is_gone or made.retry_after_seconds}
    if not ids:
        return {}
    rows = connection.execute(select(Webhook.id, Webhook.url).where(Webhook.id.in_(ids)))
    return {id: url for id, url in rows}  # noqa: C416 (mypy doesn't accept a Row as a pair)


def _decided(claimed: Claimed, result: Result, attempted: Attempted, schedule: str, *, has_moved: bool) -> Recorded:
    until = claimed.created_at if claimed.is_test else claimed.give_up_at or NEVER  # a test is over after one attempt
    delays = _delays(claimed, schedule)
    counts = at_old_url(attempted) if has_moved else attempted
    decision = decide(counts, delays, claimed.attempts_allowed, random.random, until)
    if attempted.slows_down and decision.status == DeliveryStatus.FAILED and not claimed.is_test:
        attempted = replace(attempted, given_up=claimed.created_at)
    return Recorded(claimed, result, decision, attempted)


def _delivery_row(item: Recorded, time: Time) -> dict[str, Any]:
    """Return the new values of a delivery, and last its id."""
    claimed, result, decision, _ = item
    return {
        "status": decision.status,
        "due_at": time(decision.due_at),
        "attempts_count": claimed.attempt,
        "attempts_allowed": None if _is_beside(claimed) else claimed.attempts_allowed,
        "response_code": result.response_code,
        "outcome": str(result.outcome),
        "duration_ms": result.duration_ms,
        "last_attempt_at": time(result.started_at),
        "throttled_count": claimed.throttled_count + (result.slows_down or _is_beside(claimed)),
        "id": claimed.id,
    }


def _delays(claimed: Claimed, schedule: str) -> tuple[int, ...]:
    return delays_of(claimed.target.retry_schedule or schedule, claimed.target.retry_delays)


def _is_beside(claimed: Claimed) -> bool:
    """Return True if a person wanted the attempt beside those of the schedule."""
    return claimed.attempts_allowed == ONE_MORE


def _first_asked(recorded: Sequence[Recorded], schedule: str) -> Iterator[dict[str, Any]]:
    """Yield until when those deliveries may be asked to wait that were asked for the first time.

    Their age doesn't count. They may have waited for days, because the webhook was failing, inactive or slow.
    """
    for item in recorded:
        claimed = item.claimed
        if item.result.slows_down and not claimed.is_test and claimed.give_up_at is None:
            yield {"of": claimed.id, "until": gives_up_at(item.attempted.at, _delays(claimed, schedule))}


def _attempted(claimed: Claimed, result: Result) -> Attempted:
    succeeded = result.outcome == Outcome.DELIVERED
    return Attempted(
        succeeded=succeeded,
        number=claimed.attempt - claimed.throttled_count - _is_beside(claimed),
        at=result.started_at + timedelta(milliseconds=result.duration_ms),
        response_code=result.response_code,
        retry_after_seconds=result.retry_after_seconds,
        started_at=result.started_at,
        is_probe=claimed.target.is_probe,
        gone=result.gone,
        is_test=claimed.is_test,
        slows_down=result.slows_down,
        webhook_id=claimed.target.id,
        url=claimed.target.url,
        delivery_id=claimed.id,
        duration_ms=result.duration_ms,
        outcome=result.outcome,
        text="" if succeeded else text_of(mask_urls(result.detail), result.response_body),
    )
