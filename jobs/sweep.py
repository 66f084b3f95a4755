"""Sweep: every few seconds, wake the workers for due deliveries that none of them was woken for.

It also corrects times that lie too far in the future because a clock was wrong, and cancels what is pending for a
webhook that was deleted, or moved to another environment, a moment ago.
"""

import math
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from flask import current_app
from sqlalchemy import ColumnElement, Connection, and_, or_, select, update

from jobs.claim import LEASE_SECONDS
from jobs.look import look
from jobs.retry import PROBE_MAX_SECONDS, RETRY_AFTER_MAX_SECONDS
from webhooks_ui.database import db, write_transaction
from webhooks_ui.deliveries.changes import cancel_orphans, has_orphans
from webhooks_ui.models import Delivery, DeliveryTrigger, Webhook, utcnow
from webhooks_ui.models.delivery import PENDING
from webhooks_ui.models.stats import hour_of
from webhooks_ui.wake import wake

SWEEP_SECONDS = 2
CHECK_SECONDS = 300  # between the looks for times of other machines' clocks. There may be very many deliveries
CLOCK_TOLERANCE = timedelta(seconds=10)  # by which the clocks of two machines may differ
CLOCK_TOLERANCE_MAX = timedelta(minutes=5)  # the same where too little would let a delivery be tried again and again
PACED_MAX = timedelta(minutes=2)  # longer than any pause between two requests of a webhook
SWITCHED = timedelta(minutes=1)  # how long ago a webhook's order may have been switched on
LEFT = timedelta(minutes=1)  # how long ago a webhook may have been deleted or moved. The daily purge cancels the rest
RETRY_MAX = timedelta(days=9)  # longer than any delay of a schedule or of Retry-After, jitter included


def sweep() -> None:
    """Wake the workers if a delivery is due: a retry, a lease that ran out, or one whose wake-up was lost."""
    now = utcnow()
    swept_at = current_app.extensions.get("swept_at", now)  # by this process
    with db.engine.connect() as connection:
        if now < swept_at - CLOCK_TOLERANCE or _has_future(connection, now) or _has_impossible(connection, now):
            _mend(now)
        current_app.extensions["swept_at"] = now
        due = _anything_due(connection, now)
        strays = _strays(connection, now)
        changed = Webhook.updated_at > now - LEFT
        orphaned = connection.scalar(select(Webhook.id).where(changed, has_orphans()).limit(1))
    if strays:
        with write_transaction() as connection:
            connection.execute(update(Delivery).where(Delivery.id.in_(strays)).values(in_order=True))
    if orphaned is not None:
        with write_transaction() as connection:
            cancel_orphans(connection, changed)
    if due or strays:
        wake()
    if progress := current_app.extensions.get("progress"):
        progress()


def _anything_due(connection: Connection, now: datetime) -> bool:
    cursor = 0
    while True:
        found = look(connection, now, cursor)
        if found.open or found.probes or found.forced:
            return True
        if not found.cursor:
            return False
        cursor = found.cursor


def _strays(connection: Connection, now: datetime) -> list[int]:
    """Return deliveries that don't know yet that their webhook keeps the order.

    On PostgreSQL a publisher and an admin who switches the order on may each see the state before the other.
    """
    switched = select(Webhook.id).where(Webhook.in_order, Webhook.updated_at > now - SWITCHED)
    unordered = PENDING, ~Delivery.in_order, Delivery.trigger != DeliveryTrigger.TEST
    return list(connection.scalars(select(Delivery.id).where(Delivery.webhook_id.in_(switched), *unordered)))


def _has_future(connection: Connection, now: datetime) -> bool:
    """Return True if the newest delivery was created in what is now the future.

    So a change of the clock is noticed that was made before this process was started.
    """
    youngest = connection.scalar(select(Delivery.created_at).order_by(Delivery.id.desc()).limit(1))
    return youngest is not None and youngest > now + CLOCK_TOLERANCE


def _has_impossible(connection: Connection, now: datetime) -> bool:
    """Return True if something waits for a time that only a wrong clock can have set. Look every few minutes.

    The clock of one machine may have been wrong for a moment, and that of this process right.
    """
    extensions = current_app.extensions
    if time.monotonic() - extensions.get("looked_for_impossible_at", -math.inf) < CHECK_SECONDS:
        return False
    extensions["looked_for_impossible_at"] = time.monotonic()
    impossible: dict[type[Delivery | Webhook], list[ColumnElement[bool]]] = {}  # one look at each table is for all
    for table, wrong, _ in _corrections(now + CLOCK_TOLERANCE):
        impossible.setdefault(table, []).append(and_(*wrong))
    found = (select(table.id).where(or_(*wrong)).limit(1) for table, wrong in impossible.items())
    return any(connection.scalar(query) is not None for query in found)


def _mend(now: datetime) -> None:
    """Make due now what would wait for a time that the old clock set: leases, attempts, probes, and pauses.

    The health of webhooks is told from times, too. It would stay as it was, and one that fails would never be disabled.
    """
    with write_transaction() as connection:
        for table, wrong, values in _corrections(now):
            connection.execute(update(table).where(*wrong).values(values))


def _corrections(now: datetime) -> Iterator[tuple[type[Delivery | Webhook], tuple[Any, ...], Any]]:
    """Yield the table, the conditions and the new values of what waits for a time that a wrong clock set."""
    future = now + timedelta(seconds=LEASE_SECONDS) + CLOCK_TOLERANCE
    due_at_once = or_(Delivery.lease_token.is_not(None), Delivery.attempts_count == 0, Delivery.forced)
    impossible = or_(
        and_(Delivery.due_at > future, due_at_once),
        Delivery.due_at > now + RETRY_MAX,
        and_(
            Delivery.due_at > now, Delivery.lease_token.is_(None), Delivery.last_attempt_at > now + CLOCK_TOLERANCE_MAX
        ),
    )
    throttled = Webhook.throttled_at > now + CLOCK_TOLERANCE_MAX, Webhook.throttled_until > now
    yield Delivery, (PENDING, impossible), {"due_at": now, "lease_token": None}
    yield Webhook, throttled, {"throttled_until": now}
    for column, longest in (
        (Webhook.probe_at, timedelta(seconds=PROBE_MAX_SECONDS)),
        (Webhook.throttled_until, timedelta(seconds=RETRY_AFTER_MAX_SECONDS)),
        (Webhook.throttled_at, timedelta()),
        (Webhook.paced_until, PACED_MAX),
    ):
        yield Webhook, (column > now + longest,), {column: now}
    for column in (Webhook.failing_since, Webhook.breaker_opened_at, Webhook.given_up_since):
        yield Webhook, (column > now + CLOCK_TOLERANCE_MAX,), {column: now}
    for hour in (Webhook.attempted_hour, Webhook.succeeded_hour):
        yield Webhook, (hour > hour_of(now) + 1,), {hour: hour_of(now)}
