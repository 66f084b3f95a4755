"""Slots: which of the leased deliveries goes out next. Pure bookkeeping of one worker, without a clock of its own.

No webhook has more than a quarter of the slots. It starts with few and earns more by succeeding; those that are slow,
or have proven nothing yet, share half of the slots, so that endpoints which accept and never answer can't keep the
others waiting. One that was never tried may always try once, in a part of the slots that the suspects can't take.
"""

from collections import OrderedDict, deque
from collections.abc import Container, Iterable
from dataclasses import dataclass, field

from jobs.claim import Claimed

ALLOWANCE_FIRST = 4
SLOW_SECONDS = 1.0
AHEAD_FAST = 96  # leased at a time for a webhook that answers fast; others get as many as their allowance

LANES_KEPT = 1_000
LANE_MAX_BYTES = 1024 * 1024  # of bodies that are queued for a webhook; the last one may pass it

LAG_MAX_SECONDS = 0.004
WAITING_SECONDS = 0.1  # in flight for longer, a request waits for its endpoint and computes nothing


@dataclass
class Lane:
    """The deliveries of one webhook."""

    allowance: int  # in flight at most
    queue: deque[Claimed] = field(default_factory=deque)
    queued_bytes: int = 0
    in_flight: dict[int, float] = field(default_factory=dict)  # delivery id → when it was started
    proven: bool = False  # its last answer was a success, and fast
    tried: bool = False

    @property
    def is_new(self) -> bool:
        """Whether nothing is known of it, nor about to be."""
        return not self.tried and not self.in_flight

    def is_doubtful(self, now: float) -> bool:
        """Whether it has proven nothing, or an answer is overdue."""
        oldest = next(iter(self.in_flight.values()), now)
        return not self.proven or now - oldest > SLOW_SECONDS


class Slots:
    """The lanes of a worker.

    Args:
        total: requests in flight at most.
    """

    def __init__(self, total: int) -> None:
        self.total = total
        self.most_per_webhook = max(1, total // 4)
        self.first_per_webhook = min(ALLOWANCE_FIRST, self.most_per_webhook)
        self.most_doubtful = max(1, total // 2)
        self.most_with_new = max(1, total * 3 // 4)  # of doubtful ones, if the next has never been tried
        self.limit = total  # for now: fewer than ``total`` while they keep each other waiting
        self._computing_most = total
        self.in_flight = 0
        self.queued = 0
        self.queued_bytes = 0
        self._lanes: OrderedDict[int, Lane] = OrderedDict()  # the one used longest ago first
        self._waiting: OrderedDict[int, Lane] = OrderedDict()  # those with a queue, in turn
        self._busy: dict[int, Lane] = {}  # those with something in flight

    def add(self, claimed: Iterable[Claimed]) -> None:
        for delivery in claimed:
            id = delivery.target.id
            lane = self._waiting[id] = self._lanes.setdefault(id, Lane(self.first_per_webhook))
            lane.queue.append(delivery)
            lane.queued_bytes += len(delivery.body)
            self.queued += 1
            self.queued_bytes += len(delivery.body)

    def start_next(self, now: float) -> Claimed | None:
        """Take a slot for the next delivery, a webhook after the other; ``None`` if nothing may go out now."""
        if self.in_flight >= self.limit or not self.queued:
            return None
        doubtful: int | None = None  # counted at most once, for that looks at all that is in flight
        for webhook_id, lane in self._waiting.items():
            if len(lane.in_flight) >= lane.allowance:
                continue
            if lane.is_doubtful(now):
                if doubtful is None:
                    doubtful = self._doubtful_in_flight(now)
                if doubtful >= (self.most_with_new if lane.is_new else self.most_doubtful):
                    continue
            return self._start(webhook_id, lane, now)
        return None

    def _doubtful_in_flight(self, now: float) -> int:
        return sum(len(lane.in_flight) for lane in self._busy.values() if lane.is_doubtful(now))

    def _start(self, webhook_id: int, lane: Lane, now: float) -> Claimed:
        delivery = lane.queue.popleft()
        lane.queued_bytes -= len(delivery.body)
        self.queued_bytes -= len(delivery.body)
        lane.in_flight[delivery.id] = now
        self._busy[webhook_id] = lane
        self._lanes.move_to_end(webhook_id)
        if lane.queue:
            self._waiting.move_to_end(webhook_id)
        else:
            del self._waiting[webhook_id]
        self.in_flight += 1
        self.queued -= 1
        return delivery

    def finish(self, delivery: Claimed, succeeded: bool, now: float) -> None:
        """Free the slot of ``delivery``."""
        lane = self._lanes[delivery.target.id]
        started = lane.in_flight.pop(delivery.id)
        if not lane.in_flight:
            del self._busy[delivery.target.id]
        self.in_flight -= 1
        lane.tried = True
        lane.proven = succeeded and now - started <= SLOW_SECONDS
        grown = lane.allowance * 2 if succeeded else lane.allowance // 2
        lane.allowance = max(1, min(grown, self.most_per_webhook))

    def ease(self, lag: float, now: float) -> None:
        """Let fewer requests compute at a time while they keep each other waiting, and slowly more when they don't.

        With fast endpoints a few threads take all that Python's lock lets through; more of them would only make each
        request, and whoever writes to the database, wait longer. Requests that wait for their endpoint don't count.

        Args:
            lag: seconds by which a short sleep took longer than it should.
        """
        least = max(1, self.total // 8)
        most = self._computing_most * 3 // 4 if lag > LAG_MAX_SECONDS else self._computing_most + 1
        self._computing_most = min(max(most, least), self.total)
        started = (at for lane in self._busy.values() for at in lane.in_flight.values())
        waiting = sum(now - at > WAITING_SECONDS for at in started)
        self.limit = min(self._computing_most + waiting, self.total)

    def wants(self, webhook_id: int, now: float) -> int:
        """How many more deliveries of a webhook to lease: none while it waits on its own slow endpoint."""
        lane = self._lanes.get(webhook_id)
        if lane is None:
            return self.first_per_webhook
        if lane.queued_bytes > LANE_MAX_BYTES:
            return 0
        if lane.is_doubtful(now):
            return 0 if lane.queue else max(0, lane.allowance - len(lane.in_flight))
        return AHEAD_FAST if len(lane.queue) < AHEAD_FAST // 2 else 0

    def webhooks_queued(self) -> list[int]:
        return list(self._waiting)

    def drop_queue(self, webhook_ids: Iterable[int] | None = None, ids: Container[int] | None = None) -> list[Claimed]:
        """Take what is queued out again: of some webhooks, or those with some ids, or all."""
        dropped: list[Claimed] = []
        for webhook_id in list(self._waiting) if webhook_ids is None else webhook_ids:
            if lane := self._waiting.get(webhook_id):  # or meanwhile the last one went out
                dropped += [delivery for delivery in lane.queue if ids is None or delivery.id in ids]
                lane.queue = deque(delivery for delivery in lane.queue if ids is not None and delivery.id not in ids)
                lane.queued_bytes = sum(len(delivery.body) for delivery in lane.queue)
                if not lane.queue:
                    del self._waiting[webhook_id]
        self.queued -= len(dropped)
        self.queued_bytes -= sum(len(delivery.body) for delivery in dropped)
        return dropped

    def forget_idle(self) -> None:
        """Keep the book short: forget what is known of the webhooks that were idle longest."""
        for webhook_id in list(self._lanes):
            if len(self._lanes) <= LANES_KEPT:
                return
            lane = self._lanes[webhook_id]
            if not lane.queue and not lane.in_flight:
                del self._lanes[webhook_id]
