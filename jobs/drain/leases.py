"""Leases: which deliveries one run of the drain holds, renews, loses and gives back."""

import logging
import secrets
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

from sqlalchemy import Connection

from jobs import claim
from jobs.drain.sending import Sending
from jobs.look import sendable
from webhooks_ui.models import utcnow

REFRESH_SECONDS = 1.0  # between renewals. A lease that is younger isn't renewed
MARGIN_SECONDS = 1.0  # stop sending this long before a lease expires

logger = logging.getLogger(__name__)


class Leases:
    """The leases of one run, on deliveries that it may send and has no result for yet."""

    def __init__(self, sending: Sending) -> None:
        self.token = secrets.token_hex(8)
        self.held: dict[int, float] = {}  # by delivery: when its lease began, on the monotonic clock
        self._sending = sending
        self._renewed_at = utcnow()

    @property
    def must_be_renewed(self) -> bool:
        """Whether the leases are due for renewal, by the wall clock.

        Leases end by the wall clock. If it jumps, they are renewed before anything else is leased.
        """
        return bool(self.held) and not timedelta() <= self._since_renewal < timedelta(seconds=REFRESH_SECONDS)

    @property
    def _since_renewal(self) -> timedelta:
        return utcnow() - self._renewed_at

    def take(self, ids: Iterable[int], began: float) -> None:
        """Hold leases on ``ids``, which began at ``began`` on the monotonic clock."""
        self.held.update(dict.fromkeys(ids, began))

    def renew(self, connection: Connection, began: float, now: datetime) -> None:
        """Extend the leases.

        Give back queued deliveries that must no longer go out, for example because their webhook was switched off.

        Args:
            began: when the transaction began, on the monotonic clock.
            now: the same moment on the wall clock.
        """
        jumped = not timedelta() <= self._since_renewal < timedelta(seconds=2 * REFRESH_SECONDS)
        old = {id for id, at in self.held.items() if jumped or began - at >= REFRESH_SECONDS}
        self._forget_lost(claim.renew(connection, now, self.token, old))
        self.take(old & self.held.keys(), began)
        with self._sending.lock:
            queued = self._sending.slots.webhooks_queued()
        if unsendable := set(queued) - sendable(connection, now, queued):
            self.give_back(connection, now, unsendable)

    def give_back(self, connection: Connection, now: datetime, webhook_ids: Collection[int] | None = None) -> None:
        """Give back what is queued for some webhooks, or for all, unsent."""
        claim.release(connection, now, self.token, self.drop(webhook_ids))

    def note_renewal(self, began: float, now: datetime) -> None:
        """Let the requests go on until shortly before the leases end that were just committed.

        Args:
            began: when the transaction began, on the monotonic clock. Other leases began shortly before.
            now: the same moment on the wall clock. The leases are counted from it.
        """
        self._renewed_at = now
        self._sending.send_until(sends_until(began))

    def drop(self, webhook_ids: Collection[int] | None = None) -> list[int]:
        """Take the deliveries of some webhooks, or of all, out of the queue. Return their ids."""
        dropped = self._sending.drop(webhook_ids)
        self._let_go(dropped)
        return dropped

    def _forget_lost(self, ids: set[int]) -> None:
        """Forget deliveries whose leases were lost, because another worker may hold them by now."""
        if ids:
            logger.warning("%d leases ran out before they could be renewed", len(ids))
            with self._sending.lock:
                self._sending.slots.drop_queue(ids=ids)
            self._let_go(ids)

    def _let_go(self, ids: Iterable[int]) -> None:
        for id in ids:
            self.held.pop(id, None)


def sends_until(began: float) -> float:
    """Return until when deliveries may go out whose leases began at ``began``, or up to ``REFRESH_SECONDS`` before."""
    return began + claim.LEASE_SECONDS - REFRESH_SECONDS - MARGIN_SECONDS
