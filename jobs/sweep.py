"""Sweep: every few seconds, wake the workers for due deliveries that none of them was woken for.

It also corrects times that lie too far in the future because the clock was set back.
"""

from datetime import datetime, timedelta

from sqlalchemy import Connection, and_, or_, select, update

from jobs.claim import LEASE_SECONDS
from jobs.look import look
from jobs.retry import PROBE_MAX_SECONDS
from webhooks_ui.database import db, write_transaction
from webhooks_ui.models import Delivery, Webhook, utcnow
from webhooks_ui.models.delivery import PENDING
from webhooks_ui.wake import wake

SWEEP_SECONDS = 2
CLOCK_TOLERANCE = timedelta(seconds=10)  # by which the clocks of two machines may differ
RETRY_MAX = timedelta(hours=30)  # longer than any delay of a schedule or of Retry-After, jitter included


def sweep() -> None:
    """Wake the workers if a delivery is due: a retry, a lease that ran out, or one whose wake-up was lost."""
    now = utcnow()
    with db.engine.connect() as connection:
        if _clock_went_back(connection, now):
            _mend(now)
        due = _anything_due(connection, now)
    if due:
        wake()


def _anything_due(connection: Connection, now: datetime) -> bool:
    cursor = 0
    while True:
        found = look(connection, now, cursor)
        if found.open or found.probes or found.forced:
            return True
        if not found.cursor:
            return False
        cursor = found.cursor


def _clock_went_back(connection: Connection, now: datetime) -> bool:
    """Return True if the newest delivery was created in what is now the future."""
    youngest = connection.scalar(select(Delivery.created_at).order_by(Delivery.id.desc()).limit(1))
    return youngest is not None and youngest > now + CLOCK_TOLERANCE


def _mend(now: datetime) -> None:
    """Make due now what would wait for a time that the old clock set: leases, first attempts, and probes."""
    future = now + timedelta(seconds=LEASE_SECONDS) + CLOCK_TOLERANCE
    never_tried = or_(Delivery.lease_token.is_not(None), Delivery.attempts_count == 0)
    impossible = or_(and_(Delivery.due_at > future, never_tried), Delivery.due_at > now + RETRY_MAX)
    with write_transaction() as connection:
        connection.execute(update(Delivery).where(PENDING, impossible).values(due_at=now, lease_token=None))
        connection.execute(
            update(Webhook).where(Webhook.probe_at > now + timedelta(seconds=PROBE_MAX_SECONDS)).values(probe_at=now)
        )
