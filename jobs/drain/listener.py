"""Listener: hears wake-ups and parcels while a job runs, so that the next event needs no new job."""

import contextlib
import logging
import queue
import threading
import time
from collections.abc import Callable
from typing import Any

from redis import Redis, RedisError

from webhooks_ui.database.redis import PAUSE_SECONDS
from webhooks_ui.wake import CHANNEL, HELP, WAITING_KEY

STOP_SECONDS = 1.0

logger = logging.getLogger(__name__)


class Listener:
    """Hears wake-ups and parcels in a thread.

    Args:
        bell: receives ``True`` for each wake-up that this worker must answer.
        lane: the channel of this run's parcels (see jobs.express).
        take: is called with each message of the lane.
    """

    def __init__(
        self,
        redis: Redis,
        bell: "queue.SimpleQueue[bool]",
        lane: str,
        take: Callable[[bytes], None],
    ) -> None:
        self._redis = redis
        self._bell = bell
        self._lane = lane
        self._take_parcels = take
        self._channel: Any = None
        self._thread: threading.Thread | None = None
        self._closing = threading.Lock()

    @property
    def listens(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Start to listen. Take a wake-up that is already waiting, because the caller looks for work next anyway."""
        channel = self._redis.pubsub()  # type: ignore[no-untyped-call]
        try:
            channel.subscribe(CHANNEL, self._lane)
            for _ in range(2):
                channel.get_message(timeout=1.0)  # the confirmations; from now on Redis counts this subscriber
            self._take()
        except RedisError:
            channel.close()
            return
        self._channel = channel
        self._thread = threading.Thread(target=self._hear, args=(channel,), name="listener", daemon=True)
        self._thread.start()

    def _hear(self, channel: Any) -> None:
        """Ring for wake-ups until Redis confirms the end of the subscription."""
        while channel is self._channel:
            try:
                self._hear_until_the_end(channel)
                return
            except RedisError:  # it refused something, or the connection is lost
                self._subscribe_again(channel)
            except Exception:  # what a read raises whose connection is closed by another thread depends on the moment
                if channel is self._channel:
                    raise
        self._close(channel)

    def _subscribe_again(self, channel: Any) -> None:
        """Leave the channels, so that nobody counts on this worker. Subscribe again as soon as Redis lets it."""
        self._close(channel)
        while channel is self._channel and not channel.subscribed:
            time.sleep(PAUSE_SECONDS)
            with contextlib.suppress(RedisError):
                channel.subscribe(CHANNEL, self._lane)
                self._bell.put(True)  # for what wasn't heard

    def _hear_until_the_end(self, channel: Any) -> None:
        while channel is self._channel and (message := channel.get_message(timeout=None))["type"] != "unsubscribe":
            if message["type"] != "message":
                continue
            if message["channel"] == self._lane.encode():
                self._hear_parcels(message["data"])
            elif message["data"] == HELP or self._take():
                self._bell.put(True)

    def _hear_parcels(self, message: bytes) -> None:
        try:
            self._take_parcels(message)
        except Exception:  # the thread must go on. The leases of the deliveries run out
            logger.exception("A parcel can't be taken")

    def stop(self) -> bool:
        """Stop listening. Return True if a wake-up arrived at the last moment, and must still be answered.

        The bell tells of those that were heard before.
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
            channel, self._channel, self._thread = self._channel, None, None
            self._close(channel)  # a thread that Redis keeps waiting ends by this

    def _close(self, channel: Any) -> None:
        """Close the channel. Redis' client fails if two threads do it at the same moment."""
        with self._closing:
            channel.close()

    def _take(self) -> bool:
        """Take the wake-up that waits in Redis. Return True if there was one, so that no other worker answers it."""
        return bool(self._redis.delete(WAITING_KEY))
