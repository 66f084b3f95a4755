"""Sending: the thread that makes all requests of a worker. The drain hands deliveries over and gets results back."""

import logging
import math
import queue
import resource
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import cast

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
PATIENCE_SECONDS = 1.0
OTHER_FILES = 128  # that may be open beside the connections of requests

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Arrived:
    """Deliveries that came by the express lane."""

    began: float  # when their leases began, on the monotonic clock
    at: datetime  # the same moment
    ids: tuple[int, ...]  # of those that are sent
    refused: tuple[int, ...]  # of those to give back


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
        # Results, and None for a wake-up
        self.inbox: queue.SimpleQueue[list[Finished] | Arrived | None] = queue.SimpleQueue()
        self._sender = sender
        self._requests = Requests(sender, timeout_seconds, portal)  # is used by the thread alone
        self._arrived: list[Arrived] = []  # what is not in the inbox yet
        self._unrecorded = 0  # results that the drain hasn't written yet
        self._may_send_until = math.inf
        self._ends = False
        self._thread = threading.Thread(target=self._work, name="sending", daemon=True)
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        """Whether the thread goes on. If it doesn't, an error that nobody expected is in the log."""
        return self._thread.is_alive()

    def add(self, claimed: list[Claimed]) -> None:
        """Send each of ``claimed`` as soon as it may go out."""
        with self.lock:
            self.slots.add(claimed)
        self._sender.wake()

    def offer(self, claimed: Sequence[Claimed], arrived: Arrived, until: float) -> None:
        """Send those of ``claimed`` that their webhooks' lanes take now. The drain hears of it before their results.

        Args:
            arrived: says when their leases began. To its refused deliveries those are added that no lane takes.
            until: start none of them after this, on the monotonic clock.
        """
        with self.lock:
            now = time.monotonic()
            taken = [delivery for delivery in claimed if self.slots.wants(delivery.target.id, now) > 0]
            ids = tuple(delivery.id for delivery in taken)
            refused = tuple({delivery.id for delivery in claimed} - set(ids))
            self._arrived.append(replace(arrived, ids=ids, refused=(*arrived.refused, *refused)))
            self._may_send_until = min(self._may_send_until, until) if self.slots.queued else until
            self.slots.add(taken)
        self._sender.wake()

    def tell(self) -> None:
        """Put what was offered into the inbox, if it isn't there yet."""
        if self._arrived:
            with self.lock:
                arrived, self._arrived = self._arrived, []
                for each in arrived:
                    self.inbox.put(each)

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
            finished = self._requests.turn(0.0 if started == STARTED_AT_ONCE else PATIENCE_SECONDS)
            now = time.monotonic()
            self._finish(finished, now)
            with self.lock:
                starting, may_send = self._next(now), now < self._may_send_until
            for delivery in starting:
                self._requests.start(delivery)
            if may_send:
                self._requests.go_on()
            if starting:
                self._sender.push()  # at once, and not in the next turn
            self.tell()  # not before, because the drain would take the interpreter from the requests
            started = len(starting)

    def _finish(self, finished: list[Finished], now: float) -> None:
        """Free the slots of deliveries, and put their results into the inbox."""
        if not finished:
            return
        with self.lock:
            for delivery, _, result in finished:
                succeeded = result.outcome == Outcome.DELIVERED
                self.slots.finish(delivery, succeeded, now, slows_down=result.slows_down)
            self._unrecorded += len(finished)
        self.inbox.put([_lightened(*item) for item in finished])

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
        config = app.config
        requests = requests_at_a_time(config["IN_FLIGHT"])
        sender = Sender(
            config["ALLOWED_TARGETS"],
            requests,
            authorities_file(Path(config["INSTANCE_PATH"])),
            config["EGRESS_PROXY"],
        )
        sending = app.extensions["sending"] = Sending(
            sender, Slots(requests), config["REQUEST_TIMEOUT_SECONDS"], config["LINKED_PORTAL"]
        )
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
