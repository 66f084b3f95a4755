"""Our connection to Redis. Nothing that people or publishers wait for depends on it for long."""

import logging
import time
from typing import Any, cast

from redis import ConnectionError, Redis, RedisError, TimeoutError
from redis.backoff import NoBackoff
from redis.retry import Retry

TIMEOUT_SECONDS = 1.0
DOWN_SECONDS = 3.0  # after a failure, before Redis is tried again
PAUSE_SECONDS = 0.5

logger = logging.getLogger(__name__)


class PatientRedis(Redis):
    """Fails at once for some seconds after it failed: a Redis that hangs must not hold up request after request."""

    _down_until = 0.0

    def execute_command(self, *args: Any, **options: Any) -> Any:
        """What ``Redis`` does.

        Raises:
            redis.ConnectionError: Redis was not reachable, now or a moment ago.
        """
        if time.monotonic() < self._down_until:
            raise ConnectionError("it did not answer a moment ago")
        try:
            return super().execute_command(*args, **options)  # type: ignore[no-untyped-call]
        except (ConnectionError, TimeoutError):
            self._down_until = time.monotonic() + DOWN_SECONDS
            raise


def connect(url: str) -> PatientRedis:
    """A client for ``url``; it connects when it is first used."""
    return cast(
        PatientRedis,
        PatientRedis.from_url(
            url, socket_timeout=TIMEOUT_SECONDS, socket_connect_timeout=TIMEOUT_SECONDS, retry=Retry(NoBackoff(), 1)
        ),
    )


def is_reachable(redis: Redis) -> bool:
    """Whether Redis answers."""
    try:
        return bool(redis.ping())
    except RedisError:
        return False


def wait_for_redis(redis: Redis) -> None:
    """Block until Redis answers, however long that takes. Log once that it doesn't."""
    said = False
    while True:
        try:
            redis.ping()
            return
        except RedisError as error:
            if not said:
                logger.warning("Redis is not reachable, waiting for it: %s", error)
            said = True
            time.sleep(PAUSE_SECONDS)
