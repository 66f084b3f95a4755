"""Wake: see to it that a worker looks for work. One that listens is told, else RQ is asked for a ``deliver`` job.

One wake-up waits at a time. It is a key with a short expiry, set if it isn't there. Whoever looks deletes it *before*
looking, so that none is lost. What is lost all the same, with a Redis, waits no longer than until the next sweep.
"""

import logging
import time

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
SAY_AGAIN_SECONDS = 60.0

logger = logging.getLogger(__name__)
_said_at = -SAY_AGAIN_SECONDS


def wake() -> bool:
    """Make sure that a worker will look for work. Return True if Redis took it.

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


def _say_unreachable(error: RedisError) -> None:
    """Log that Redis is away, once in a while and not for each event."""
    global _said_at
    if time.monotonic() - _said_at > SAY_AGAIN_SECONDS:
        logger.warning("Redis is not reachable, deliveries wait for it: %s", error)
        _said_at = time.monotonic()


def _set_briefly(redis: Redis, key: str, seconds: int) -> bool:
    """Set ``key`` for ``seconds`` unless it is set. Return True if it wasn't.

    Redis ends keys by the wall clock. A key that a clock set back would keep for hours counts as gone.
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
