"""Senders: the threads that send. A thread that has finished a delivery takes the next one by itself."""

import logging
import math
import queue
import threading
import time
from datetime import UTC, datetime
from typing import cast

from flask import Flask

from jobs.claim import Claimed
from jobs.compose import Request, Try, Uncomposable, request_of
from jobs.drain.slots import Slots
from jobs.hide import hide
from jobs.record import Finished
from jobs.send import Result, Sender
from jobs.understand import understand
from webhooks_ui.deliveries.outcomes import Outcome

logger = logging.getLogger(__name__)


class Senders:
    """A pool of daemon threads, started on demand and kept between jobs.

    Args:
        slots: decide what may go out, and hold what must wait. Use them under ``lock`` only, as the threads do.
        portal: the portal's address, for links to deliveries. ``None``: there are no links.
    """

    def __init__(self, sender: Sender, slots: Slots, portal: str | None = None) -> None:
        self.slots = slots
        self.lock = threading.Lock()
        self.inbox: queue.SimpleQueue[Finished | None] = queue.SimpleQueue()  # results; None is a wake-up
        self._sender = sender
        self._portal = portal
        self._handed: queue.SimpleQueue[Claimed] = queue.SimpleQueue()  # to idle threads
        self._idle = 0  # threads without a delivery, minus the deliveries that are handed over and not yet taken
        self._count = 0
        self._may_send_until = math.inf

    def add(self, claimed: list[Claimed]) -> None:
        """Send each of ``claimed`` as soon as it may go out."""
        with self.lock:
            self.slots.add(claimed)
            self._hand_out()

    def send_until(self, at: float) -> None:
        """Start no request after ``at``, on the monotonic clock. Other workers may hold the leases from then on."""
        with self.lock:
            self._may_send_until = at
            self._hand_out()

    def ease(self, lag: float) -> None:
        """Adapt the number of requests at a time to ``lag`` (see ``Slots.ease``)."""
        with self.lock:
            self.slots.ease(lag, time.monotonic())
            self._hand_out()

    def _hand_out(self) -> None:
        """Hand all deliveries that may go out now to idle threads, or to new ones."""
        while delivery := self._start_next():
            if self._idle <= 0:
                self._start_thread()
            self._idle -= 1
            self._handed.put(delivery)

    def _start_next(self) -> Claimed | None:
        now = time.monotonic()
        return self.slots.start_next(now) if now < self._may_send_until else None

    def _start_thread(self) -> None:
        """Start one more thread. If the system refuses, the next thread that is idle takes the delivery."""
        self._count += 1
        try:
            threading.Thread(target=self._work, name=f"sender-{self._count}", daemon=True).start()
        except RuntimeError:
            logger.warning("No more than %d sender threads can be started", self._count - 1)
        else:
            self._idle += 1

    def _work(self) -> None:
        delivery: Claimed | None = None
        while True:
            item = self._send(delivery or self._handed.get())
            self.inbox.put(item)
            delivery = self._next(item)

    def _send(self, delivery: Claimed) -> Finished:
        request, target = Request({}, delivery.body), delivery.target
        try:
            attempt = Try(delivery.attempt, int(time.time()), target.keys, delivery.trace.sent_on)
            request = request_of(target.options, delivery.outgoing(self._portal), attempt)
            result = self._sender.send(target.url, request.headers, request.body, target.timeout_seconds)
            understood = understand(target.url, target.options.format, result)
            return delivery, request, hide(understood, target.options.own_headers)
        except Uncomposable as error:
            return delivery, request, Result(Outcome.NOT_COMPOSED, datetime.now(UTC), 0, str(error))
        except Exception as error:  # a thread that dies would never free its slot and its delivery
            logger.exception("Delivery %d could not be sent", delivery.id)
            return (
                delivery,
                request,
                Result(Outcome.CONNECTION_FAILED, datetime.now(UTC), 0, f"Internal error: {error!r}"),
            )

    def _next(self, item: Finished) -> Claimed | None:
        """Free the slot of ``item``, and return the delivery that this thread sends next, if one may go out now."""
        with self.lock:
            succeeded = item[2].outcome == Outcome.DELIVERED
            self.slots.finish(item[0], succeeded, time.monotonic(), slows_down=item[2].slows_down)
            delivery = self._start_next()
            if delivery is None:
                self._idle += 1
            elif self.slots.in_flight < self.slots.limit:
                self._hand_out()  # a success may have earned more slots for its webhook: fill them, too
            return delivery


def senders_of(app: Flask) -> Senders:
    """Return the sender threads of this process, with what earlier jobs learned about the webhooks."""
    if "senders" not in app.extensions:
        sender = Sender(app.config["ALLOWED_TARGETS"], app.config["REQUEST_TIMEOUT_SECONDS"], app.config["IN_FLIGHT"])
        app.extensions["senders"] = Senders(sender, Slots(app.config["IN_FLIGHT"]), app.config["LINKED_PORTAL"])
    senders = cast(Senders, app.extensions["senders"])
    with senders.lock:
        senders.slots.forget_idle()
    return senders
