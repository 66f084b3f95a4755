"""Reclaim: give the space of purged rows back to the file system, a little at a time.

SQLite alone needs this. Each turn is short, because it holds the write lock.
"""

from datetime import timedelta

from sqlalchemy import delete

from webhooks_ui.database import dialect, write_transaction
from webhooks_ui.models import FormToken, OneTimeToken, UserSession, utcnow
from webhooks_ui.people import sessions

RECLAIM_SECONDS = 60  # between the runs
TURN_PAGES = 250  # of 4 KiB in one transaction
TURNS = 20  # in one run: 20 MiB a minute
TOKENS_KEPT = timedelta(days=1)


def reclaim() -> None:
    """Give some of the unused space back, and forget old tokens and the sessions that ended by time."""
    with write_transaction() as connection:
        connection.execute(delete(FormToken).where(FormToken.created_at < utcnow() - TOKENS_KEPT))
        connection.execute(delete(OneTimeToken).where(OneTimeToken.expires_at < utcnow()))
        connection.execute(delete(UserSession).where(sessions.have_ended()))
    for _ in range(TURNS):
        with write_transaction() as connection:
            if not dialect(connection).give_space_back(connection, TURN_PAGES):
                return
