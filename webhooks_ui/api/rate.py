"""Limits the requests of each key per clock minute. They are counted in Redis."""

import time

from flask import Response, current_app, g
from limits.storage import MemoryStorage
from redis import RedisError

from webhooks_ui.web.problem import Problem

MINUTE_SECONDS = 60

_while_redis_is_down = MemoryStorage()  # each web process counts separately


def count_request(key_id: int, rate_per_minute: int) -> None:
    """Count one request of the key, with one round trip to Redis. Flask-Limiter would need three.

    Raises:
        Problem: 429 if the key is over its rate in this minute.
    """
    now = int(time.time())
    reset_at = now - now % MINUTE_SECONDS + MINUTE_SECONDS
    counter = f"webhooks/api/{key_id}/{reset_at}"
    try:
        redis = current_app.extensions["redis"]
        used = redis.incr(counter)
        if used == 1:
            redis.expire(counter, MINUTE_SECONDS)
    except RedisError:
        used = _while_redis_is_down.incr(counter, MINUTE_SECONDS)
    g.rate_headers = {
        "X-RateLimit-Limit": str(rate_per_minute),
        "X-RateLimit-Remaining": str(max(0, rate_per_minute - used)),
        "X-RateLimit-Reset": str(reset_at),
    }
    if used > rate_per_minute:
        raise Problem(429, headers={"Retry-After": str(reset_at - now)})


def add_headers(response: Response) -> Response:
    """Add headers that tell the caller how much of the rate is left."""
    response.headers.update(g.get("rate_headers", {}))
    return response
