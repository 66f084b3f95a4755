"""Slots: which of the leased deliveries goes out next. Pure bookkeeping of one worker, without a clock of its own.

No webhook has more than a quarter of the slots. It starts with few and earns more by succeeding; those that are slow,
or have proven nothing yet, share half of the slots, so that endpoints which accept and never answer can't keep the
others waiting.
"""

from collections import OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from jobs.claim import Claimed

ALLOWANCE_FIRST = 4
SLOW_SECONDS = 1.0
AHEAD_FAST = 96  # leased at a time for a webhook that answers fast; others get as many as their allowance

LANES_KEPT = 1_000


@dataclass
class Lane:
    """The deliveries of one webhook."""

    queue: deque[Claimed] = field(default_factory=deque)
    in_flight: dict[int, float] = field(default_factory=dict)  # delivery id → when it was started
    allowance: int = ALLOWANCE_FIRST
    proven: bool = False  # its last answer was a success, and fast

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
        self.most_doubtful = max(1, total // 2)
        self.in_flight = 0
        self.queued = 0
        self._lanes: OrderedDict[int, Lane] = OrderedDict()  # the one used longest ago first
        self._waiting: OrderedDict[int, Lane] = OrderedDict()  # those with a queue, in turn
        self._busy: dict[int, Lane] = {}  # those with something in flight

    def add(self, claimed: Iterable[Claimed]) -> None:
        for delivery in claimed:
            id = delivery.target.id
            lane = self._waiting[id] = self._lanes.setdefault(id, Lane())
            lane.queue.append(delivery)
            self.queued += 1

    def start_next(self, now: float) -> Claimed | None:
        """Take a slot for the next delivery, a webhook after the other; ``None`` if nothing may go out now."""
        if self.in_flight >= self.total or not self.queued:
            return None
        for webhook_id, lane in self._waiting.items():
            if len(lane.in_flight) < lane.allowance and not (
                lane.is_doubtful(now) and self._is_doubtful_half_full(now)
            ):
                return self._start(webhook_id, lane, now)
        return None

    def _is_doubtful_half_full(self, now: float) -> bool:
        taken = sum(len(lane.in_flight) for lane in self._busy.values() if lane.is_doubtful(now))
        return taken >= self.most_doubtful

    def _start(self, webhook_id: int, lane: Lane, now: float) -> Claimed:
        delivery = lane.queue.popleft()
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
        lane.proven = succeeded and now - started <= SLOW_SECONDS
        grown = lane.allowance * 2 if succeeded else lane.allowance // 2
        lane.allowance = max(1, min(grown, self.most_per_webhook))

    def wants(self, webhook_id: int, now: float) -> int:
        """How many more deliveries of a webhook to lease: none while it waits on its own slow endpoint."""
        lane = self._lanes.get(webhook_id)
        if lane is None:
            return min(ALLOWANCE_FIRST, self.most_per_webhook)
        if lane.is_doubtful(now):
            return 0 if lane.queue else max(0, lane.allowance - len(lane.in_flight))
        return AHEAD_FAST if len(lane.queue) < AHEAD_FAST // 2 else 0

    def held(self) -> list[int]:
        """The ids of all deliveries that are queued or in flight."""
        queued = [delivery.id for lane in self._waiting.values() for delivery in lane.queue]
        return queued + [id for lane in self._busy.values() for id in lane.in_flight]

    def webhooks_queued(self) -> list[int]:
        return list(self._waiting)

    def drop_queue(self, webhook_id: int | None = None) -> list[Claimed]:
        """Take what is queued, of one webhook or of all, out again."""
        dropped: list[Claimed] = []
        for id in list(self._waiting) if webhook_id is None else [webhook_id]:
            lane = self._waiting.pop(id)
            dropped.extend(lane.queue)
            lane.queue.clear()
        self.queued -= len(dropped)
        return dropped

    def forget_idle(self) -> None:
        """Keep the book short: forget what is known of the webhooks that were idle longest."""
        for webhook_id in list(self._lanes):
            if len(self._lanes) <= LANES_KEPT:
                return
            lane = self._lanes[webhook_id]
            if not lane.queue and not lane.in_flight:
                del self._lanes[webhook_id]
