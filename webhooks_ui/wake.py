"""Makes workers look for deliveries: it wakes a worker that listens, or else enqueues a ``deliver`` job in RQ.

At most one wake-up is pending at a time. A key with a short expiry marks it. A worker deletes the key *before* it looks
for deliveries, so that no wake-up is lost. If Redis loses one, the next sweep finds the deliveries. A key that stays
tells that who listens is stopped or gone, although its connection is open. Then RQ gets a job for another worker.
"""

import logging
from typing import Any

from flask import current_app
from redis import Redis, RedisError
from rq import Queue

from webhooks_ui import logs
from webhooks_ui.database.redis import why_unusable

QUEUE = "deliveries"
CHORES = "chores"  # the queue of all other jobs. It has its own worker, so that these jobs delay no delivery
CHANNEL = "webhooks:wake"
HELP = b"help"  # the message on the channel that asks idle workers to help
WAITING_KEY = "webhooks:deliver-waiting"
WAITING_SECONDS = 5  # a lost wake-up blocks further ones no longer than this
HELP_KEY = "webhooks:help-called"
HELP_SECONDS = 1
DELIVER_TIMEOUT_SECONDS = 24 * 3_600
KEPT_FOR: dict[str, Any] = {"result_ttl": 0, "failure_ttl": 3_600}  # seconds for which RQ keeps what became of a job

# Sets a key unless it was set within some seconds, and tells all that listen on a channel. One round trip for both.
# Returns how many listen, or -1 if the key was set, or 0 if the key is older, because nobody took it. It is kept for
# twice the time, so that this is noticed. Redis expires keys by the wall clock. If the clock was set back, a key could
# stay for hours, and one that somebody restored without its time, for ever. Such a key is replaced.
_TELL = """
local time = tonumber(ARGV[1]) * 1000
local is_new = redis.call('SET', KEYS[1], '1', 'NX', 'PX', 2 * time)
if not is_new then
    local left = redis.call('PTTL', KEYS[1])
    if left > time and left <= 2 * time then return -1 end
    redis.call('SET', KEYS[1], '1', 'PX', 2 * time)
end
local listening = redis.call('PUBLISH', ARGV[2], ARGV[3])
return is_new and listening or 0
"""
_PENDING = -1

_trouble = logs.Seldom(logging.getLogger(__name__))


def wake() -> bool:
    """Make sure that a worker will look for deliveries. Return False if Redis is unreachable or refuses.

    That is no error, because the sweep wakes the workers again when Redis is back.
    """
    redis: Redis = current_app.extensions["redis"]
    try:
        if _tell(redis, WAITING_KEY, WAITING_SECONDS, b"") == 0:
            _enqueue(redis)
    except RedisError as error:
        _say(error)
        return False
    return True


def call_help() -> None:
    """Ask the other workers to help with the due deliveries, at most once a second.

    This wakes the workers that listen, and enqueues a job for one that doesn't.
    """
    redis: Redis = current_app.extensions["redis"]
    try:
        if _tell(redis, HELP_KEY, HELP_SECONDS, HELP) != _PENDING:
            _enqueue(redis)
    except RedisError as error:
        _say(error)


def check(redis: Redis) -> None:
    """Do what a wake-up does to Redis, but wake nobody.

    Raises:
        redis.RedisError: Redis is unreachable, or its user may run no scripts or may not use our channels.
    """
    redis.publish(f"{CHANNEL}:check", b"")
    redis.eval("return 1", 0)


def _say(error: RedisError) -> None:
    """Log what is wrong with Redis, at most once a minute."""
    _trouble.say("Deliveries wait. %s", why_unusable(error))


def _tell(redis: Redis, key: str, seconds: int, message: bytes) -> int:
    """Send ``message`` to the workers that listen. Return how many do, or -1 if ``key`` says that they were told.

    Return 0, too, if they were told and none of them answered.
    """
    return int(redis.register_script(_TELL)(keys=[key], args=[seconds, CHANNEL, message]))


def _enqueue(redis: Redis) -> None:
    """Enqueue a ``deliver`` job in RQ, unless one is waiting already."""
    jobs = Queue(QUEUE, connection=redis)
    if not jobs.count:
        jobs.enqueue("jobs.deliver.deliver", job_timeout=DELIVER_TIMEOUT_SECONDS, **KEPT_FOR)
