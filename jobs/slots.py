"""Slots: which of the leased deliveries goes out next. Pure bookkeeping of one worker, without a clock of its own.

No webhook has more than a quarter of the slots. It starts with few and earns more by succeeding; webhooks that are slow
share half of the slots, so that endpoints which accept and never answer can't keep the others waiting.
"""

from collections import OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from jobs.claim import Claimed

ALLOWANCE_FIRST = 4
SLOW_SECONDS = 1.0
AHEAD_FAST = 96  # leased at a time for a webhook that answers fast; others get as many as their allowance


@dataclass
class Lane:
    """The deliveries of one webhook."""

    queue: deque[Claimed] = field(default_factory=deque)
    in_flight: dict[int, float] = field(default_factory=dict)  # delivery id → when it was started
    allowance: int = ALLOWANCE_FIRST
    slow: bool = False
    proven: bool = False

    def is_slow(self, now: float) -> bool:
        """Whether its last answer was slow or none, or one is overdue."""
        oldest = next(iter(self.in_flight.values()), now)
        return self.slow or now - oldest > SLOW_SECONDS

    def has_room(self) -> bool:
        return bool(self.queue) and len(self.in_flight) < self.allowance


class Slots:
    """The lanes of a worker.

    Args:
        total: requests in flight at most.
    """

    def __init__(self, total: int) -> None:
        self.total = total
        self.most_per_webhook = max(1, total // 4)
        self.most_slow = max(1, total // 2)
        self.in_flight = 0
        self.queued = 0
        self._lanes: OrderedDict[int, Lane] = OrderedDict()

    def add(self, claimed: Iterable[Claimed]) -> None:
        for delivery in claimed:
            self._lanes.setdefault(delivery.target.id, Lane()).queue.append(delivery)
            self.queued += 1

    def start_next(self, now: float) -> Claimed | None:
        """Take a slot for the next delivery, a webhook after the other; ``None`` if nothing may go out now."""
        if self.in_flight >= self.total or not self.queued:
            return None
        slow_in_flight = sum(len(lane.in_flight) for lane in self._lanes.values() if lane.is_slow(now))
        for webhook_id, lane in self._lanes.items():
            if lane.has_room() and not (slow_in_flight >= self.most_slow and lane.is_slow(now)):
                delivery = lane.queue.popleft()
                lane.in_flight[delivery.id] = now
                self._lanes.move_to_end(webhook_id)
                self.in_flight += 1
                self.queued -= 1
                return delivery
        return None

    def finish(self, delivery: Claimed, succeeded: bool, now: float) -> None:
        """Free the slot of ``delivery``."""
        lane = self._lanes[delivery.target.id]
        started = lane.in_flight.pop(delivery.id)
        self.in_flight -= 1
        lane.slow = not succeeded or now - started > SLOW_SECONDS
        lane.proven = succeeded and not lane.slow
        grown = lane.allowance * 2 if succeeded else lane.allowance // 2
        lane.allowance = max(1, min(grown, self.most_per_webhook))

    def wants(self, webhook_id: int, now: float) -> int:
        """How many more deliveries of a webhook to lease: none while it waits on its own slow endpoint."""
        lane = self._lanes.get(webhook_id)
        if lane is None:
            return min(ALLOWANCE_FIRST, self.most_per_webhook)
        if lane.is_slow(now):
            return 0 if lane.queue or len(lane.in_flight) >= lane.allowance else 1
        if not lane.proven:
            return 0 if lane.queue else max(0, lane.allowance - len(lane.in_flight))
        return AHEAD_FAST if len(lane.queue) < AHEAD_FAST // 2 else 0

    def held(self) -> list[int]:
        """The ids of all deliveries that are queued or in flight."""
        return [id for lane in self._lanes.values() for id in (*(item.id for item in lane.queue), *lane.in_flight)]

    def webhooks_queued(self) -> list[int]:
        return [id for id, lane in self._lanes.items() if lane.queue]

    def drop_queue(self, webhook_id: int | None = None) -> list[Claimed]:
        """Take what is queued, of one webhook or of all, out again."""
        lanes = self._lanes.values() if webhook_id is None else [self._lanes[webhook_id]]
        dropped = [delivery for lane in lanes for delivery in lane.queue]
        for lane in lanes:
            lane.queue.clear()
        self.queued -= len(dropped)
        return dropped

    def forget_idle(self, most: int = 1_000) -> None:
        """Keep the book short: forget what is known of the webhooks that were idle longest."""
        for webhook_id in list(self._lanes):
            if len(self._lanes) <= most:
                return
            lane = self._lanes[webhook_id]
            if not lane.queue and not lane.in_flight:
                del self._lanes[webhook_id]
