"""Wake: see to it that a worker looks for work. One that listens is told; else RQ is asked for a ``deliver`` job.

One wake-up waits at a time: a key with a short expiry, set if it isn't there, and deleted by whoever looks *before* it
looks, so that none is lost. What is lost all the same, with a Redis, costs no more than the time until the next sweep.
"""

import logging
import time
from typing import Any

from flask import current_app
from redis import Redis, RedisError
from rq import Queue

QUEUE = "deliveries"
CHANNEL = "webhooks:wake"
WAITING_KEY = "webhooks:deliver-waiting"
WAITING_SECONDS = 5  # a wake-up that was lost blocks others no longer than this
HELP_KEY = "webhooks:help-called"
HELP_SECONDS = 1
JOB_TIMEOUT_SECONDS = 120
REDIS_PAUSE_SECONDS = 0.5
SAY_AGAIN_SECONDS = 60.0

logger = logging.getLogger(__name__)
_said_at = -SAY_AGAIN_SECONDS


def wake() -> bool:
    """Make sure that a worker will look for work; whether Redis took it.

    Never raises for a Redis that is down: the sweep wakes again when it is back.
    """
    redis: Redis = current_app.extensions["redis"]
    try:
        if redis.set(WAITING_KEY, "1", nx=True, ex=WAITING_SECONDS) and not redis.publish(CHANNEL, ""):
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
    """Ask for one more worker, at most once a second: there is more to do than this one can."""
    redis: Redis = current_app.extensions["redis"]
    try:
        if redis.set(HELP_KEY, "1", nx=True, ex=HELP_SECONDS):
            _enqueue(redis)
    except RedisError as error:
        _say_unreachable(error)


def _enqueue(redis: Redis) -> None:
    Queue(QUEUE, connection=redis).enqueue(
        "jobs.deliver.deliver", job_timeout=JOB_TIMEOUT_SECONDS, result_ttl=0, failure_ttl=3_600
    )


class Listener:
    """Hears wake-ups while a job runs, so that the next event finds a worker awake."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._channel: Any = None

    @property
    def listens(self) -> bool:
        return self._channel is not None

    def start(self) -> None:
        """Listen; what was waiting is answered by the look that follows."""
        try:
            self._channel = self._redis.pubsub(ignore_subscribe_messages=True)  # type: ignore[no-untyped-call]
            self._channel.subscribe(CHANNEL)
            self._channel.get_message(timeout=1.0)  # the confirmation: from here on publishers count us
            self._take()
        except RedisError:
            self._forget()

    def heard(self, seconds: float) -> bool:
        """Wait up to ``seconds`` for a wake-up; whether one came and is ours to answer."""
        if self._channel is None:
            return False
        try:
            return self._channel.get_message(timeout=seconds) is not None and self._take()
        except RedisError:
            self._forget()
            return False

    def stop(self) -> bool:
        """Listen no more; whether a wake-up came before publishers knew, and is still to be answered."""
        if self._channel is None:
            return False
        try:
            self._channel.unsubscribe(CHANNEL)
            self._channel.get_message(timeout=1.0)
            return self._take()
        except RedisError:
            return False
        finally:
            self._forget()

    def _take(self) -> bool:
        return bool(self._redis.delete(WAITING_KEY))

    def _forget(self) -> None:
        if self._channel is not None:
            self._channel.close()
        self._channel = None


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
