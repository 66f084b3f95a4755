"""Leases: what one run of the drain holds, renews, loses and gives back."""

import logging
import secrets
from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import Connection

from jobs import claim
from jobs.drain.senders import Senders
from jobs.look import sendable
from webhooks_ui.models import utcnow

REFRESH_SECONDS = 1.0  # between renewals
MARGIN_SECONDS = 1.0  # stop sending this long before a lease expires

logger = logging.getLogger(__name__)


class Leases:
    """The leases of one run: deliveries that it may send, and has no result of."""

    def __init__(self, senders: Senders) -> None:
        self.token = secrets.token_hex(8)
        self.held: set[int] = set()
        self._senders = senders
        self._renewed_at = utcnow()

    @property
    def must_be_renewed(self) -> bool:
        """By the wall clock, as leases end: if it jumps, they are renewed before anything else is leased."""
        since = utcnow() - self._renewed_at
        return bool(self.held) and not timedelta() <= since < timedelta(seconds=REFRESH_SECONDS)

    def renew(self, connection: Connection, now: datetime) -> None:
        """Push the ends into the future. Give back what must not go out any more: its webhook was switched off, say."""
        self._forget_lost(claim.renew(connection, now, self.token, self.held))
        with self._senders.lock:
            queued = self._senders.slots.webhooks_queued()
        if unsendable := set(queued) - sendable(connection, queued):
            claim.release(connection, now, self.token, self.drop(unsendable))

    def release_queued(self, connection: Connection, now: datetime) -> None:
        """Give back all that wasn't sent yet."""
        claim.release(connection, now, self.token, self.drop())

    def note_renewal(self, began: float, now: datetime) -> None:
        """Let the senders go on until shortly before the leases end that are committed now.

        Args:
            began: when the transaction began, on the monotonic clock.
            now: the same by the wall clock, from which the leases count.
        """
        self._renewed_at = now
        self._senders.send_until(began + claim.LEASE_SECONDS - MARGIN_SECONDS)

    def drop(self, webhook_ids: Collection[int] | None = None) -> list[int]:
        """Send no more of what is queued, of some webhooks or of all. Return the ids of that."""
        with self._senders.lock:
            dropped = [delivery.id for delivery in self._senders.slots.drop_queue(webhook_ids)]
        self.held.difference_update(dropped)
        return dropped

    def _forget_lost(self, ids: set[int]) -> None:
        """Forget deliveries that another worker may have leased by now."""
        if ids:
            logger.warning("%d leases ran out before they could be renewed", len(ids))
            with self._senders.lock:
                self._senders.slots.drop_queue(ids=ids)
            self.held -= ids
