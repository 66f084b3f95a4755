"""Hears wake-ups while a job runs, so that the next event finds a worker awake."""

import contextlib
import queue
import threading
from typing import Any

from redis import Redis, RedisError

from webhooks_ui.wake import CHANNEL, HELP, WAITING_KEY

STOP_SECONDS = 1.0


class Listener:
    """Hears wake-ups while a job runs, so that the next event finds a worker awake.

    Args:
        inbox: gets ``None`` for each wake-up that is this worker's to answer.
    """

    def __init__(self, redis: Redis, inbox: "queue.SimpleQueue[Any]") -> None:
        self._redis = redis
        self._inbox = inbox
        self._channel: Any = None
        self._thread: threading.Thread | None = None

    @property
    def listens(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Listen; what was waiting is answered by the look that follows."""
        try:
            self._channel = self._redis.pubsub()  # type: ignore[no-untyped-call]
            self._channel.subscribe(CHANNEL)
            self._channel.get_message(timeout=1.0)  # the confirmation: from here on publishers count us
            self._take()
        except RedisError:
            return
        self._thread = threading.Thread(target=self._hear, name="listener", daemon=True)
        self._thread.start()

    def _hear(self) -> None:
        """Until Redis confirms that we listen no more, or is gone."""
        with contextlib.suppress(RedisError):
            while (message := self._channel.get_message(timeout=None))["type"] != "unsubscribe":
                if message["type"] == "message" and (message["data"] == HELP or self._take()):
                    self._inbox.put(None)

    def stop(self) -> bool:
        """Listen no more; whether a wake-up came before publishers knew, and is still to be answered.

        Those heard before are in the inbox.
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
        return bool(self._redis.delete(WAITING_KEY))
