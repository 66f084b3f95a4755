"""Wake: see to it that a worker looks for work. One that listens is told; else RQ is asked for a ``deliver`` job.

One wake-up waits at a time: a key with a short expiry, set if it isn't there, and deleted by whoever looks *before* it
looks, so that none is lost. What is lost all the same, with a Redis, costs no more than the time until the next sweep.
"""

import contextlib
import logging
import queue
import threading
import time
from typing import Any

from flask import current_app
from redis import Redis, RedisError
from rq import Queue

QUEUE = "deliveries"
CHORES = "chores"  # all that isn't delivering, with a worker of its own: it delays no delivery
CHANNEL = "webhooks:wake"
HELP = b"help"  # on the channel: whoever has nothing to do, look
WAITING_KEY = "webhooks:deliver-waiting"
WAITING_SECONDS = 5  # a wake-up that was lost blocks others no longer than this
HELP_KEY = "webhooks:help-called"
HELP_SECONDS = 1
DELIVER_TIMEOUT_SECONDS = 24 * 3_600
CHORE_TIMEOUT_SECONDS = 120
REDIS_PAUSE_SECONDS = 0.5
STOP_SECONDS = 1.0
SAY_AGAIN_SECONDS = 60.0

logger = logging.getLogger(__name__)
_said_at = -SAY_AGAIN_SECONDS


def wake() -> bool:
    """Make sure that a worker will look for work; whether Redis took it.

    Never raises for a Redis that is down: the sweep wakes again when it is back.
    """
    redis: Redis = current_app.extensions["redis"]
    try:
        if _set_briefly(redis, WAITING_KEY, WAITING_SECONDS) and not redis.publish(CHANNEL, ""):
            _enqueue(redis)
    except RedisError as error:
        _say_unreachable(error)
        return False
    return True


def _say_unreachable(error: RedisError) -> None:
    """Log that Redis is away, once in a while and not for each event."""
    global _said_at
    if time.monotonic() - _said_at > SAY_AGAIN_SECONDS:
        logger.warning("Redis is not reachable, deliveries wait for it: %s", error)
        _said_at = time.monotonic()


def call_help() -> None:
    """Ask the other workers, at most once a second: there is more to do than this one can.

    Those that listen are told, and RQ is asked for one that doesn't.
    """
    redis: Redis = current_app.extensions["redis"]
    try:
        if _set_briefly(redis, HELP_KEY, HELP_SECONDS):
            redis.publish(CHANNEL, HELP)
            _enqueue(redis)
    except RedisError as error:
        _say_unreachable(error)


def _set_briefly(redis: Redis, key: str, seconds: int) -> bool:
    """Set ``key`` for ``seconds`` unless it is set; whether it wasn't.

    Redis ends keys by the wall clock: one that a clock set back would keep for hours is taken for gone.
    """
    if redis.set(key, "1", nx=True, ex=seconds):
        return True
    if redis.ttl(key) <= seconds:
        return False
    redis.set(key, "1", ex=seconds)
    return True


def _enqueue(redis: Redis) -> None:
    """Ask RQ for one more drain, unless one is already waiting for a worker."""
    jobs = Queue(QUEUE, connection=redis)
    if not jobs.count:
        jobs.enqueue("jobs.deliver.deliver", job_timeout=DELIVER_TIMEOUT_SECONDS, result_ttl=0, failure_ttl=3_600)


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


def wait_for_redis(redis: Redis) -> None:
    """Return when Redis answers, however long that takes; say once that it doesn't."""
    said = False
    while True:
        try:
            redis.ping()
            return
        except RedisError as error:
            if not said:
                logger.warning("Redis is not reachable, waiting for it: %s", error)
            said = True
            time.sleep(REDIS_PAUSE_SECONDS)
