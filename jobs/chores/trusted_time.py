"""Trusted time: the time from which chores tell what is old enough to be deleted.

It advances with the daily purge, by a week at most. So a clock that is years ahead for a moment deletes little. A clock
that is years behind for a moment doesn't take it back, because purges would then need months to catch up.
"""

import logging
from datetime import UTC, datetime, timedelta

from jobs.chores.places import keep_place, kept_place
from webhooks_ui.database import release, write_transaction
from webhooks_ui.models import utcnow

PURGED_AT = "purged_at"  # the setting with the trusted time, in Unix seconds
ADVANCE_MAX = timedelta(days=7)

logger = logging.getLogger(__name__)


def trusted_time() -> datetime:
    """Return the time of the last purge, or the present one if that is earlier or if nothing was purged yet."""
    now, known = utcnow(), _known()
    return min(now, known) if known else now


def advance() -> None:
    """Set the trusted time to the present, or to a week after the last purge if that is earlier. Log the latter.

    Leave it as it is if the clock is more than a week behind it.
    """
    now, known = utcnow(), _known()
    if known and known - now > ADVANCE_MAX:
        return
    if known and now - known > ADVANCE_MAX:
        logger.warning(
            "The clock is %d days ahead of the last purge, so this one goes ahead by %d days only. "
            "If the clock is right, the next ones follow, or run: .venv/bin/flask deliveries purge",
            (now - known).days,
            ADVANCE_MAX.days,
        )
        now = known + ADVANCE_MAX
    with write_transaction() as connection:
        keep_place(connection, PURGED_AT, int(now.timestamp()))


def _known() -> datetime | None:
    seconds = kept_place(PURGED_AT)
    release()  # don't hold this transaction open while others begin
    try:
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError):  # a person wrote it
        return None
