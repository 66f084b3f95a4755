"""Sending: the thread that makes all requests of a worker. The drain hands deliveries over and gets results back."""

import contextlib
import logging
import math
import queue
import resource
import threading
import time
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import starmap
from pathlib import Path
from typing import NamedTuple, cast

from flask import Flask

from jobs.claim import Claimed
from jobs.compose import Request
from jobs.drain.requests import Requests
from jobs.drain.slots import SLOT_BYTES, Slots
from jobs.record import Finished
from jobs.send import Result, Sender
from jobs.transport.authorities import authorities_file
from webhooks_ui.deliveries.outcomes import Outcome

STARTED_AT_ONCE = 64  # requests. Then answers are read, so that fast endpoints have few requests in flight
GROUP_MAX = 64  # results that are handed over together, because the drain writes them in one transaction
GROUP_SECONDS = 0.02  # how long a result waits for others at most
PATIENCE_SECONDS = 1.0
OTHER_FILES = 128  # that may be open beside the connections of requests

logger = logging.getLogger(__name__)


class Arrived(NamedTuple):
    """Deliveries that came by the express lane."""

    began: float  # when their leases began, on the monotonic clock
    at: datetime  # the same moment
    ids: Sequence[int]  # of those that are sent
    refused: Sequence[int]  # of those to give back


class Sending:
    """A daemon thread, kept between jobs.

    Args:
        sender: is used by the thread alone.
        slots: decide what may go out, and hold what must wait. Use them under ``lock`` only, as the thread does.
        timeout_seconds: for a whole request, unless its webhook has a timeout of its own.
        portal: the portal's address, for links to deliveries. ``None``: there are no links.
    """

    def __init__(self, sender: Sender, slots: Slots, timeout_seconds: float, portal: str | None = None) -> None:
        self.slots = slots
        self.lock = threading.Lock()
        self.bell: queue.SimpleQueue[bool] = queue.SimpleQueue()  # ends the drain's wait. True: for a wake-up
        self.hurries = False  # the drain has more to send, and wants to hear at once when nothing is out any more
        self._sender = sender
        self._requests = Requests(sender, timeout_seconds, portal)  # is used by the thread alone
        self._arrived: list[Arrived] = []  # what the drain hasn't received yet, as the next
        self._finished: list[Finished] = []
        self._ring_at = math.inf  # when the drain must hear of them, on the monotonic clock
        self._unrecorded = 0  # results that the drain hasn't written yet
        self._may_send_until = math.inf
        self._ends = False
        self._thread = threading.Thread(target=self._work, name="sending", daemon=True)
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        """Whether the thread goes on. If it doesn't, an error that nobody expected is in the log."""
        return self._thread.is_alive()

    def add(self, claimed: list[Claimed]) -> list[int]:
        """Send each of ``claimed`` as soon as it may go out. Return the ids that ``Slots.add`` does."""
        with self.lock:
            ids = self.slots.add(claimed)
        self._sender.wake()
        return ids

    def offer(
        self, claimed: Sequence[Claimed], began: float, at: datetime, until: float, unknown: Sequence[int] = ()
    ) -> None:
        """Send those of ``claimed`` that their webhooks' lanes take now. The drain hears of it before their results.

        Args:
            began: when their leases began, on the monotonic clock.
            at: the same moment.
            until: start none of them after this, on the monotonic clock.
            unknown: further deliveries to give back.
        """
        with self.lock:
            now = time.monotonic()
            taken = [delivery for delivery in claimed if self.slots.wants(delivery.target.id, now) > 0]
            ids = [delivery.id for delivery in taken]
            refused = {delivery.id for delivery in claimed}.difference(ids)
            self._arrived.append(Arrived(began, at, ids, [*refused, *unknown]))
            self._may_send_until = min(self._may_send_until, until) if self.slots.queued else until
            self.slots.add(taken)
        self._sender.wake()

    def receive(self, seconds: float) -> tuple[bool, list[Arrived], list[Finished]]:
        """Wait for a group of results or a wake-up. Return whether a wake-up arrived, and what is there.

        Args:
            seconds: how long to wait at most.
        """
        called = False
        with contextlib.suppress(queue.Empty):
            called = self.bell.get(timeout=seconds) if seconds > 0 else self.bell.get_nowait()
            while True:
                called = self.bell.get_nowait() or called
        with self.lock:
            arrived, self._arrived = self._arrived, []
            finished, self._finished = self._finished, []
            self._ring_at = math.inf
        return called, arrived, finished

    def drop(self, webhook_ids: Collection[int] | None = None) -> list[int]:
        """Take the deliveries of some webhooks, or of all, out of the queue. Return their ids.

        Those that the drain hasn't heard of yet, it won't hear of. Else it would hold leases that were given back.
        """
        with self.lock:
            dropped = [delivery.id for delivery in self.slots.drop_queue(webhook_ids)]
            gone = set(dropped)
            self._arrived = [each._replace(ids=[id for id in each.ids if id not in gone]) for each in self._arrived]
        return dropped

    def send_until(self, at: float) -> None:
        """Start no request after ``at``, on the monotonic clock. Other workers may hold the leases from then on."""
        with self.lock:
            had_ended = time.monotonic() >= self._may_send_until
            self._may_send_until = at
        if had_ended:
            self._sender.wake()

    def note_recorded(self, results: int) -> None:
        """Take note that the drain has written so many results."""
        with self.lock:
            were_too_many = self._unrecorded >= self.slots.most_unrecorded
            self._unrecorded -= results
        if were_too_many:
            self._sender.wake()

    def stop(self) -> None:
        """End the thread. What is in flight is dropped."""
        self._ends = True
        self._sender.wake()
        self._thread.join()
        self._sender.close()

    def _work(self) -> None:
        started = 0
        while not self._ends:
            patience = min(PATIENCE_SECONDS, self._ring_at - time.monotonic())
            finished = self._requests.turn(0.0 if started == STARTED_AT_ONCE else max(0.0, patience))
            now = time.monotonic()
            with self.lock:
                self._finish(finished, now)
                starting, may_send = self._next(now), now < self._may_send_until
            for delivery in starting:
                self._requests.start(delivery)
            if may_send:
                self._requests.go_on()
            if starting:
                self._sender.push()  # at once, and not in the next turn
            if now >= self._ring_at:  # not before, because the drain would take the interpreter from the requests
                self._ring_at = math.inf
                self.bell.put(False)
            started = len(starting)

    def _finish(self, finished: list[Finished], now: float) -> None:
        """Free the slots of deliveries, and keep their results for the drain."""
        for delivery, _, result in finished:
            succeeded = result.outcome == Outcome.DELIVERED
            self.slots.finish(delivery, succeeded, now, slows_down=result.slows_down)
            if result.slows_down or delivery.target.in_order:
                self._ring_at = now  # its endpoint has enough, or the next delivery in its order waits
        if finished:
            self._ring_at = min(self._ring_at, now + GROUP_SECONDS)
            self._unrecorded += len(finished)
            self._finished += starmap(_lightened, finished)
            is_full = len(self._finished) >= min(GROUP_MAX, self.slots.most_unrecorded)  # more wouldn't come
            if is_full or (self.hurries and not self.slots.taken):
                self._ring_at = now

    def _next(self, now: float) -> list[Claimed]:
        """Return the deliveries to send now.

        A worker that is killed repeats what it hasn't recorded, so that is bounded, too.
        """
        starting: list[Claimed] = []
        while (
            len(starting) < STARTED_AT_ONCE
            and now < self._may_send_until
            and self._unrecorded < self.slots.most_unrecorded
            and (delivery := self.slots.start_next(now))
        ):
            starting.append(delivery)
        return starting


def _lightened(delivery: Claimed, request: Request, result: Result) -> Finished:
    """Return the same without large bodies that nobody needs any more, because many results may wait to be recorded.

    A body that isn't the event's own stays, because it is recorded.
    """
    if len(delivery.body) <= SLOT_BYTES:
        return delivery, request, result
    if request.body == delivery.body:
        request = request._replace(body=b"")
    return replace(delivery, body=b""), request, result


def sending_of(app: Flask) -> Sending:
    """Return the sending thread of this process, with what earlier jobs learned about the webhooks."""
    sending = cast("Sending | None", app.extensions.get("sending"))
    if sending is None or not sending.is_alive:
        if sending:
            sending.stop()  # an error has ended its thread, but its connections are still open
        config = app.config
        requests = requests_at_a_time(config["IN_FLIGHT"])
        authorities = authorities_file(Path(config["INSTANCE_PATH"]))
        sender = Sender(config["ALLOWED_TARGETS"], requests, authorities, config["EGRESS_PROXY"])
        sending = Sending(sender, Slots(requests), config["REQUEST_TIMEOUT_SECONDS"], config["LINKED_PORTAL"])
        app.extensions["sending"] = sending
    with sending.lock:
        sending.slots.forget_idle()
    return sending


def requests_at_a_time(wanted: int) -> int:
    """Return how many requests to have in flight: as many as wanted, or as the system's limit of open files allows.

    A request that finds no free descriptor would look like a failure of its endpoint.
    """
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    possible = max(1, limit - OTHER_FILES)
    if limit == resource.RLIM_INFINITY or possible >= wanted:
        return wanted
    logger.warning("IN_FLIGHT is %d, but with a limit of %d open files it can only be %d", wanted, limit, possible)
    return possible
