"""The threads that send: started as they are needed, kept between jobs."""

import queue
import threading
import time

from jobs.claim import Claimed
from jobs.record import Finished
from jobs.send import Sender
from jobs.sign import headers

Finishing = queue.SimpleQueue[Finished]


class Senders:
    """A pool of daemon threads."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender
        self._tasks: queue.SimpleQueue[tuple[Claimed, Finishing]] = queue.SimpleQueue()
        self._idle = threading.Semaphore(0)
        self._count = 0

    def start(self, delivery: Claimed, finished: Finishing) -> None:
        """Send ``delivery``, and put it with its request's headers and its result into ``finished``."""
        if not self._idle.acquire(blocking=False):
            self._count += 1
            threading.Thread(target=self._work, name=f"sender-{self._count}", daemon=True).start()
        self._tasks.put((delivery, finished))

    def _work(self) -> None:
        while True:
            delivery, finished = self._tasks.get()
            sent = headers(
                delivery.event_id,
                delivery.event_type,
                delivery.environment,
                delivery.body,
                timestamp=int(time.time()),
                attempt=delivery.attempt,
                keys=delivery.target.keys,
            )
            result = self._sender.send(delivery.target.url, sent, delivery.body)
            self._idle.release()
            finished.put((delivery, sent, result))
