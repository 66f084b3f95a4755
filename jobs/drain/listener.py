"""Listener: hears wake-ups while a job runs, so that the next event needs no new job."""

import contextlib
import queue
import threading
from typing import Any

from redis import Redis, RedisError

from webhooks_ui.wake import CHANNEL, HELP, WAITING_KEY

STOP_SECONDS = 1.0


class Listener:
    """Hears wake-ups in a thread.

    Args:
        inbox: receives ``None`` for each wake-up that this worker must answer.
    """

    def __init__(self, redis: Redis, inbox: "queue.SimpleQueue[Any]") -> None:
        self._redis = redis
        self._inbox = inbox
        self.heard = threading.Event()  # a wake-up is in the inbox, or will be at once
        self._channel: Any = None
        self._thread: threading.Thread | None = None

    @property
    def listens(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Start to listen. Take a wake-up that is already waiting, because the caller looks for work next anyway."""
        try:
            self._channel = self._redis.pubsub()  # type: ignore[no-untyped-call]
            self._channel.subscribe(CHANNEL)
            self._channel.get_message(timeout=1.0)  # the confirmation; from now on Redis counts this subscriber
            self._take()
        except RedisError:
            return
        self._thread = threading.Thread(target=self._hear, name="listener", daemon=True)
        self._thread.start()

    def _hear(self) -> None:
        """Put wake-ups into the inbox until Redis confirms the end of the subscription, or the connection is lost."""
        with contextlib.suppress(RedisError):
            while (message := self._channel.get_message(timeout=None))["type"] != "unsubscribe":
                if message["type"] == "message" and (message["data"] == HELP or self._take()):
                    self.heard.set()
                    self._inbox.put(None)

    def stop(self) -> bool:
        """Stop listening. Return True if a wake-up arrived at the last moment, and must still be answered.

        Wake-ups that were heard before are in the inbox.
        """
        if self._thread is None:
            return False
        try:
            self._channel.unsubscribe()
            self._thread.join(STOP_SECONDS)
            return self._take()
        except RedisError:
            return False
        finally:
            self._channel.close()
            self._thread = None

    def _take(self) -> bool:
        """Take the wake-up that waits in Redis. Return True if there was one, so that no other worker answers it."""
        return bool(self._redis.delete(WAITING_KEY))
