"""Leases: which deliveries one run of the drain holds, renews, loses and gives back."""

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
    """The leases of one run, on deliveries that it may send and has no result for yet."""

    def __init__(self, senders: Senders) -> None:
        self.token = secrets.token_hex(8)
        self.held: set[int] = set()
        self._senders = senders
        self._renewed_at = utcnow()

    @property
    def must_be_renewed(self) -> bool:
        """Whether the leases are due for renewal, by the wall clock.

        Leases end by the wall clock. If it jumps, they are renewed before anything else is leased.
        """
        since = utcnow() - self._renewed_at
        return bool(self.held) and not timedelta() <= since < timedelta(seconds=REFRESH_SECONDS)

    def renew(self, connection: Connection, now: datetime) -> None:
        """Extend the leases.

        Give back queued deliveries that must no longer go out, for example because their webhook was switched off.
        """
        self._forget_lost(claim.renew(connection, now, self.token, self.held))
        with self._senders.lock:
            queued = self._senders.slots.webhooks_queued()
        if unsendable := set(queued) - sendable(connection, now, queued):
            self.release_of(connection, now, unsendable)

    def release_of(self, connection: Connection, now: datetime, webhook_ids: Collection[int]) -> None:
        """Give back what is queued for some webhooks, unsent."""
        claim.release(connection, now, self.token, self.drop(webhook_ids))

    def release_queued(self, connection: Connection, now: datetime) -> None:
        """Give back all deliveries that are still queued."""
        claim.release(connection, now, self.token, self.drop())

    def note_renewal(self, began: float, now: datetime) -> None:
        """Let the senders go on until shortly before the leases end that were just committed.

        Args:
            began: when the transaction began, on the monotonic clock.
            now: the same moment on the wall clock. The leases are counted from it.
        """
        self._renewed_at = now
        self._senders.send_until(began + claim.LEASE_SECONDS - MARGIN_SECONDS)

    def drop(self, webhook_ids: Collection[int] | None = None) -> list[int]:
        """Take the deliveries of some webhooks, or of all, out of the queue. Return their ids."""
        with self._senders.lock:
            dropped = [delivery.id for delivery in self._senders.slots.drop_queue(webhook_ids)]
        self.held.difference_update(dropped)
        return dropped

    def _forget_lost(self, ids: set[int]) -> None:
        """Forget deliveries whose leases were lost, because another worker may hold them by now."""
        if ids:
            logger.warning("%d leases ran out before they could be renewed", len(ids))
            with self._senders.lock:
                self._senders.slots.drop_queue(ids=ids)
            self.held -= ids
