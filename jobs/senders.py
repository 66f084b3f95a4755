"""The threads that send. One that finishes takes the next delivery by itself; nobody has to wake it for that."""

import queue
import threading
import time

from jobs.claim import Claimed
from jobs.record import Finished
from jobs.send import Sender
from jobs.sign import headers
from jobs.slots import Slots
from webhooks_ui.outcomes import Outcome


class Senders:
    """A pool of daemon threads, started as they are needed and kept between jobs.

    Args:
        slots: say what may go out, and hold what must wait. Use them under ``lock`` only: the threads do, too.
    """

    def __init__(self, sender: Sender, slots: Slots) -> None:
        self.slots = slots
        self.lock = threading.Lock()
        self.inbox: queue.SimpleQueue[Finished | None] = queue.SimpleQueue()  # what finished; None: a wake-up
        self._sender = sender
        self._handed: queue.SimpleQueue[Claimed] = queue.SimpleQueue()  # to the threads that have nothing to do
        self._idle = 0
        self._count = 0

    def add(self, claimed: list[Claimed]) -> None:
        """Send ``claimed``, each as soon as it may go out."""
        with self.lock:
            self.slots.add(claimed)
            self._hand_out()

    def ease(self, lag: float) -> None:
        """Adapt how many send at a time to ``lag`` (see ``Slots.ease``)."""
        with self.lock:
            self.slots.ease(lag, time.monotonic())
            self._hand_out()

    def _hand_out(self) -> None:
        """Start whatever may go out now."""
        while self._hand_next():
            pass

    def _hand_next(self) -> bool:
        """Give the next delivery that may go out to an idle thread, or to a new one; whether there was one."""
        delivery = self.slots.start_next(time.monotonic())
        if delivery is None:
            return False
        if self._idle:
            self._idle -= 1
            self._handed.put(delivery)
        else:
            self._count += 1
            name = f"sender-{self._count}"
            threading.Thread(target=self._work, args=(delivery,), name=name, daemon=True).start()
        return True

    def _work(self, delivery: Claimed | None) -> None:
        while True:
            if delivery is None:
                delivery = self._handed.get()
            item = self._send(delivery)
            delivery = self._next(item)
            self.inbox.put(item)

    def _send(self, delivery: Claimed) -> Finished:
        sent = headers(
            delivery.event_id,
            delivery.event_type,
            delivery.environment,
            delivery.body,
            timestamp=int(time.time()),
            attempt=delivery.attempt,
            keys=delivery.target.keys,
        )
        return delivery, sent, self._sender.send(delivery.target.url, sent, delivery.body)

    def _next(self, item: Finished) -> Claimed | None:
        """Free the slot, and fill it: what this thread sends next. Whatever else may go out now goes to others."""
        with self.lock:
            self.slots.finish(item[0], item[2].outcome == Outcome.DELIVERED, time.monotonic())
            delivery = self.slots.start_next(time.monotonic())
            if delivery is None:
                self._idle += 1
            elif self.slots.in_flight < self.slots.limit:
                self._hand_out()  # a success may have earned its webhook more slots
            return delivery
