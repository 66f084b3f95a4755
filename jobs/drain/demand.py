"""Demand: when a worker looks for due deliveries, and how many of them it leases."""

import math
import time
from datetime import datetime

from sqlalchemy import Connection

from jobs.claim import Claimed, Claims
from jobs.drain.sending import Sending
from jobs.look import look
from jobs.target import Target

LOOK_PAUSE_SECONDS = 0.05  # between looks for webhooks whose rate is limited, or on which another worker writes
LARGE_BODIES_MAX_BYTES = 4 * 1024 * 1024  # of deliveries that wait for a slot, because they are in memory
AHEAD_SECONDS = 0.25  # of work to lease ahead: one look serves many requests, and other workers find work, too
AHEAD_MIN = 128  # deliveries to lease ahead, before it is known how fast they go
AVERAGED_SECONDS = 0.2  # of the speed


class Demand:
    """The demand of one run of the drain.

    Args:
        token: of its leases.
        request_seconds: how long a request may last, unless its webhook says otherwise.
    """

    def __init__(self, sending: Sending, token: str, request_seconds: float) -> None:
        self.may_find = True  # the next look may find something
        self.look_at = math.inf  # when a webhook that must wait may send again, on the monotonic clock
        self.more_due = False  # webhooks may have more due than they were allowed to lease
        self.wants_help = False  # as much is due as this worker may have queued
        self._sending = sending
        self._slots = sending.slots
        self._token = token
        self._request_seconds = request_seconds
        self._called = True  # the next look may find what was published just now, of any webhook
        self._look_below = 0  # then look again when so few are still queued
        self._cursor = 0
        self._per_second = 0.0  # deliveries that were finished lately
        self._noted_at = time.monotonic()

    @property
    def is_there(self) -> bool:
        """Whether to look now."""
        looks = self.may_find or self._has_sent or time.monotonic() >= self.look_at
        enough = self._ahead if self._called else self._ahead // 2  # looking rarely is cheaper
        return looks and self._slots.queued < enough

    @property
    def _has_sent(self) -> bool:
        """Whether half of what was queued after the last look has gone out, so that more may be leased."""
        return self.more_due and self._slots.queued < self._look_below

    @property
    def comes_soon(self) -> bool:
        """Whether more may be leased when some of what is queued has gone out, or before."""
        return self.may_find or self._has_sent or (self.more_due and self._slots.queued > 0)

    @property
    def _ahead(self) -> int:
        """How many deliveries to have queued."""
        return max(int(self._per_second * AHEAD_SECONDS), min(AHEAD_MIN, self._slots.total))

    def note_call(self) -> None:
        """Take note of a wake-up."""
        self._called = self.may_find = True

    def note_finished(self, deliveries: int) -> None:
        """Add so many to the moving average of the speed."""
        now = time.monotonic()
        elapsed = max(now - self._noted_at, 1e-3)
        self._per_second += min(1.0, elapsed / AVERAGED_SECONDS) * (deliveries / elapsed - self._per_second)
        self._noted_at = now

    def lease(self, connection: Connection, now: datetime) -> list[Claimed]:
        """Lease as much as the slots want, but of each webhook no more than its share of the room."""
        found = look(connection, now, self._cursor)
        self._cursor, self._called = found.cursor, False
        self.look_at = math.inf
        self._look_after(found.waits_seconds)
        with self._sending.lock:
            room, large_bytes = self._ahead - self._slots.queued, LARGE_BODIES_MAX_BYTES - self._slots.queued_bytes
            wanted = {id: each for id in found.open if (each := self._slots.wants(id, time.monotonic()))}
        claims = Claims(connection, now, self._token, room, large_bytes)
        claimed = claims.take_forced() if found.forced else []
        claimed += claims.take_probes(found.probes, self._request_seconds)
        share = max(1, claims.room // max(1, len(wanted)))
        alike: dict[int, dict[int, Target]] = {}
        in_order: dict[int, Target] = {}
        for id, each in wanted.items():
            target = found.open[id]
            if target.interval:
                paced, next_at = claims.take_paced(target, min(each, share))
                claimed += paced
                self._look_after((next_at - now).total_seconds())
            elif target.in_order:
                in_order[id] = target
            else:
                alike.setdefault(min(each, share), {})[id] = target
        for each, targets in alike.items():
            claimed += claims.take(targets, each)
        claimed += claims.take_in_order(in_order)
        if claims.has_skipped:
            self._look_after(0)
        self.may_find = bool(claimed or found.cursor)
        self.more_due = bool(found.open)
        self._look_below = (self._slots.queued + len(claimed) + 1) // 2
        self.wants_help = bool(claimed) and (claims.room <= 0 or self._slots.taken >= self._slots.total)
        return claimed

    def _look_after(self, seconds: float | None) -> None:
        """Look again in so many seconds, if not before."""
        if seconds is not None:
            self.look_at = min(self.look_at, time.monotonic() + max(seconds, LOOK_PAUSE_SECONDS))
