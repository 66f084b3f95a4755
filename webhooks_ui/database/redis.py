"""The connection to Redis. Short timeouts keep a slow Redis from delaying requests."""

import logging
import time
from collections.abc import Callable
from typing import Any, cast

from flask import Flask
from redis import ConnectionError, Redis, RedisError, TimeoutError
from redis.backoff import NoBackoff
from redis.retry import Retry

from webhooks_ui.database.windows import Windows

TIMEOUT_SECONDS = 1.0
DOWN_SECONDS = 3.0  # for this long after a failure, Redis isn't tried again
PAUSE_SECONDS = 0.5
ANONYMOUS: dict[str, Any] = {"driver_info": None}  # each connection would look up the version of the client to tell it

logger = logging.getLogger(__name__)


class PatientRedis(Redis):
    """A client that fails at once for some seconds after a failure, so that a hanging Redis delays few requests."""

    _down_until = 0.0
    _failure = ""

    def execute_command(self, *args: Any, **options: Any) -> Any:
        """Run the command as ``Redis`` does.

        Raises:
            redis.ConnectionError: Redis is unreachable, or was within the last ``DOWN_SECONDS``.
        """
        if time.monotonic() < self._down_until:
            raise ConnectionError(f"Redis failed a moment ago and isn't tried again yet: {self._failure}")
        try:
            return super().execute_command(*args, **options)  # type: ignore[no-untyped-call]
        except (ConnectionError, TimeoutError) as error:
            self._down_until, self._failure = time.monotonic() + DOWN_SECONDS, str(error)
            raise


def connect(url: str) -> PatientRedis:
    """Return a client for ``url``. It connects at its first use."""
    timeouts: dict[str, Any] = {"socket_timeout": TIMEOUT_SECONDS, "socket_connect_timeout": TIMEOUT_SECONDS}
    return cast(PatientRedis, PatientRedis.from_url(url, **timeouts, retry=Retry(NoBackoff(), 1), **ANONYMOUS))


def use(app: Flask, redis: Redis) -> None:
    """Make the app use ``redis`` for all that it shares with other processes."""
    app.extensions["redis"] = redis
    app.extensions.setdefault("windows", Windows(redis)).redis = redis


def is_reachable(redis: Redis) -> bool:
    """Return True if Redis answers."""
    try:
        return bool(redis.ping())
    except RedisError:
        return False


def why_unusable(error: RedisError) -> str:
    """Return in a sentence what is wrong with Redis."""
    is_away = isinstance(error, ConnectionError | TimeoutError)
    return f"Redis {'is unreachable' if is_away else 'refuses commands'}. ({error})"


def wait_for_redis(redis: Redis, gives_up: Callable[[], bool] = lambda: False) -> None:
    """Block until Redis answers, or until ``gives_up`` is true. Log one warning if it doesn't answer at the second try.

    At the start of ``make run``, a worker may be ready a moment before Redis.
    """
    tries = 0
    while not gives_up():
        try:
            redis.ping()
            return
        except RedisError as error:
            tries += 1
            if tries == 2:
                logger.warning("Redis is unreachable. Waiting until it is back: %s", error)
            time.sleep(PAUSE_SECONDS)
