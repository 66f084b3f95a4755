"""Slots: decide which of the leased deliveries goes out next. Pure bookkeeping of one worker: callers pass the time.

No webhook has more than a quarter of the slots. A webhook starts with few slots and earns more by succeeding. Webhooks
that are slow, or have not proven yet that they are fast, are *doubtful*. They share half of the slots, so that
endpoints which accept and never answer can't block the others. A webhook that was never tried may try once in another
quarter of the slots, which is closed to other doubtful webhooks.

A request takes one slot, and one more for each further 16 KiB of its body, because what is in flight is in memory.
"""

from collections import OrderedDict
from collections.abc import Container, Iterable
from dataclasses import dataclass, field

from jobs.claim import Claimed

ALLOWANCE_FIRST = 4
SLOW_SECONDS = 2.5
SLOT_BYTES = 16 * 1024  # of a body
AHEAD_FAST = 96  # leased at a time for a webhook that answers fast; for others it is their allowance

UNRECORDED_MAX = 128  # results that wait to be written while more requests go out. A killed worker repeats them

LANES_KEPT = 1_000  # webhooks that a worker remembers
LANE_MAX_BYTES = 1024 * 1024  # of bodies that are queued for one webhook; the last one may exceed it


@dataclass
class Lane:
    """The deliveries of one webhook."""

    allowance: int  # slots at most. A request that needs more goes out alone
    queue: OrderedDict[int, Claimed] = field(default_factory=OrderedDict)  # by id, the next one first
    queued_bytes: int = 0
    in_flight: dict[int, float] = field(default_factory=dict)  # delivery id → when it was started
    taken: int = 0  # slots
    proven: bool = False  # its last request succeeded, and fast
    tried: bool = False
    paused: bool = False  # its endpoint asked to slow down, and its queue is about to be dropped

    @property
    def is_new(self) -> bool:
        """Whether the webhook was never tried and has nothing in flight."""
        return not self.tried and not self.in_flight

    def is_doubtful(self, now: float) -> bool:
        """Return True if the webhook has not proven itself, or if an answer is overdue."""
        oldest = next(iter(self.in_flight.values()), now)
        return not self.proven or now - oldest > SLOW_SECONDS


class Slots:
    """The lanes of a worker.

    Args:
        total: how many there are.
    """

    def __init__(self, total: int) -> None:
        self.total = total
        self.most_per_webhook = max(1, total // 4)
        self.first_per_webhook = min(ALLOWANCE_FIRST, self.most_per_webhook)
        self.most_doubtful = max(1, total // 2)  # slots of doubtful webhooks
        self.most_with_new = max(1, total * 3 // 4)  # the same, if the next webhook was never tried
        self.most_unrecorded = max(1, min(total // 2, UNRECORDED_MAX))
        self.taken = 0
        self.in_flight = 0  # requests
        self.queued = 0
        self.queued_bytes = 0
        self._lanes: OrderedDict[int, Lane] = OrderedDict()  # the least recently used one first
        self._waiting: OrderedDict[int, Lane] = OrderedDict()  # those with a queue, the next in turn first
        self._busy: dict[int, Lane] = {}  # those with something in flight

    def add(self, claimed: Iterable[Claimed]) -> list[int]:
        """Queue ``claimed``, but for those that are queued or in flight already. Return the ids of the others.

        A worker may lease such a delivery once more if the clock jumps beyond the end of its lease, or if the run that
        sent it has failed.
        """
        ids: list[int] = []
        for delivery in claimed:
            id = delivery.target.id
            lane = self._lanes.setdefault(id, Lane(self.first_per_webhook))
            if delivery.id in lane.queue or delivery.id in lane.in_flight:
                continue
            self._waiting[id] = lane
            ids.append(delivery.id)
            lane.queue[delivery.id] = delivery
            lane.queued_bytes += len(delivery.body)
            self.queued += 1
            self.queued_bytes += len(delivery.body)
        return ids

    def start_next(self, now: float) -> Claimed | None:
        """Take slots for the next delivery, and return the delivery. Webhooks take turns.

        Return ``None`` if nothing may go out now.
        """
        if self.taken >= self.total or not self.queued:
            return None
        doubtful: int | None = None  # counted at most once, because counting visits all that is in flight
        for webhook_id, lane in self._waiting.items():
            if lane.taken >= lane.allowance or lane.paused:
                continue
            if lane.is_doubtful(now):
                if doubtful is None:
                    doubtful = self._taken_by_doubtful(now)
                if doubtful >= (self.most_with_new if lane.is_new else self.most_doubtful):
                    continue
            return self._start(webhook_id, lane, now)
        return None

    def _taken_by_doubtful(self, now: float) -> int:
        return sum(lane.taken for lane in self._busy.values() if lane.is_doubtful(now))

    def _start(self, webhook_id: int, lane: Lane, now: float) -> Claimed:
        _, delivery = lane.queue.popitem(last=False)
        lane.queued_bytes -= len(delivery.body)
        self.queued_bytes -= len(delivery.body)
        lane.in_flight[delivery.id] = now
        self._busy[webhook_id] = lane
        self._lanes.move_to_end(webhook_id)
        if lane.queue:
            self._waiting.move_to_end(webhook_id)
        else:
            del self._waiting[webhook_id]
        lane.taken += slots_of(delivery)
        self.taken += slots_of(delivery)
        self.in_flight += 1
        self.queued -= 1
        return delivery

    def finish(self, delivery: Claimed, succeeded: bool, now: float, *, slows_down: bool = False) -> None:
        """Free the slots of ``delivery``.

        Args:
            slows_down: its endpoint asks for fewer requests. What is queued for it stays queued until it is dropped.
        """
        lane = self._lanes[delivery.target.id]
        started = lane.in_flight.pop(delivery.id)
        if not lane.in_flight:
            del self._busy[delivery.target.id]
        lane.taken -= slots_of(delivery)
        self.taken -= slots_of(delivery)
        self.in_flight -= 1
        lane.tried = True
        lane.proven = succeeded and now - started <= SLOW_SECONDS
        grown = lane.allowance * 2 if succeeded else lane.allowance // 2
        lane.allowance = 1 if slows_down else max(1, min(grown, self.most_per_webhook))
        lane.paused = slows_down and bool(lane.queue)

    def wants(self, webhook_id: int, now: float) -> int:
        """Return how many more deliveries of a webhook to lease: none while it waits for its own slow endpoint."""
        lane = self._lanes.get(webhook_id)
        if lane is None:
            return self.first_per_webhook
        if lane.queued_bytes > LANE_MAX_BYTES:
            return 0
        if lane.is_doubtful(now):
            return 0 if lane.queue else max(0, lane.allowance - lane.taken)
        return AHEAD_FAST if len(lane.queue) < AHEAD_FAST // 2 else 0

    def webhooks_queued(self) -> list[int]:
        """Return the ids of the webhooks that have something queued."""
        return list(self._waiting)

    def drop_queue(self, webhook_ids: Iterable[int] | None = None, ids: Container[int] | None = None) -> list[Claimed]:
        """Take deliveries out of the queues: those of some webhooks, those with some ids, or all. Return them."""
        dropped: list[Claimed] = []
        for webhook_id in list(self._waiting) if webhook_ids is None else webhook_ids:
            if lane := self._waiting.get(webhook_id):  # its last delivery may have gone out meanwhile
                taken = [id for id in lane.queue if ids is None or id in ids]
                dropped += [lane.queue.pop(id) for id in taken]
                lane.queued_bytes = sum(len(delivery.body) for delivery in lane.queue.values())
                if not lane.queue:
                    lane.paused = False
                    del self._waiting[webhook_id]
        self.queued -= len(dropped)
        self.queued_bytes -= sum(len(delivery.body) for delivery in dropped)
        return dropped

    def forget_idle(self) -> None:
        """Forget the webhooks that were idle longest, if more than ``LANES_KEPT`` are known."""
        for webhook_id, lane in list(self._lanes.items()):
            if len(self._lanes) > LANES_KEPT and not lane.queue and not lane.in_flight:
                del self._lanes[webhook_id]


def slots_of(delivery: Claimed) -> int:
    """Return how many slots a delivery takes."""
    return max(1, -(-len(delivery.body) // SLOT_BYTES))
