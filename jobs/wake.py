"""Wake: ask RQ for one ``deliver`` job, unless one is already waiting."""

import logging
import time

from flask import current_app
from redis import Redis, RedisError
from rq import Queue

QUEUE = "deliveries"
WAITING_KEY = "webhooks:deliver-waiting"
WAITING_SECONDS = 5  # a job that was lost blocks wake-ups no longer than this
JOB_TIMEOUT_SECONDS = 120
REDIS_PAUSE_SECONDS = 0.5

logger = logging.getLogger(__name__)


def wake() -> bool:
    """Make sure that a worker will look for work; whether Redis took it.

    Never raises for a Redis that is down: the sweep wakes again when it is back.
    """
    redis: Redis = current_app.extensions["redis"]
    try:
        if redis.set(WAITING_KEY, "1", nx=True, ex=WAITING_SECONDS):
            Queue(QUEUE, connection=redis).enqueue(
                "jobs.deliver.deliver", job_timeout=JOB_TIMEOUT_SECONDS, result_ttl=0, failure_ttl=3_600
            )
    except RedisError as error:
        logger.warning("Redis is not reachable, deliveries wait for it: %s", error)
        return False
    return True


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


def clear_waiting(redis: Redis) -> bool:
    """Let the next wake-up through; whether one was waiting.

    A job calls it *before* it looks for work, so that no wake-up is lost.
    """
    return bool(redis.delete(WAITING_KEY))
