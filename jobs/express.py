"""Express: hand a few deliveries that were published just now to a worker that is awake, leased to it and whole.

The worker sends them at once, without a look, a claim and a read. The rows and their leases are the truth: what gets
lost on the way is due again when its lease ends. Redis passes a parcel on, and keeps none.
"""

import itertools
import json
import logging
import threading
import time
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from flask import Flask
from redis import Redis, RedisError

from jobs.claim import SMALL_BODY_BYTES

LANE = "webhooks:express:"  # a channel is this and the lease token of a drain that listens
ASK_SECONDS = 0.5  # between questions which drains listen
DELIVERIES_MAX = 100  # of one parcel. More of them move as fast the other way
BODY_MAX_BYTES = SMALL_BODY_BYTES

logger = logging.getLogger(__name__)


class Item(NamedTuple):
    """A delivery in a parcel."""

    id: int
    webhook_id: int
    webhook_version: int  # that the publisher saw. A worker that knows an older one reads the webhook again
    fields: str | None  # see events.selection


class Parcel(NamedTuple):
    """The deliveries of one event that go the express way."""

    event_id: str
    event_type: str
    environment: str
    body: str
    traceparent: str | None
    items: list[Item]


class Lanes:
    """The drains that listen at present, as far as this process knows. Threads may share it.

    Args:
        is_on: whether the setting EXPRESS_LANE wants lanes.
    """

    def __init__(self, redis: Redis, *, is_on: bool) -> None:
        self._redis = redis
        self._publisher: Redis | None = None
        self._turn_to_publish = threading.Lock()
        self._is_on = is_on
        self._lock = threading.Lock()
        self._tokens: Sequence[str] = ()
        self._turn = itertools.count()
        self._asked_at = -ASK_SECONDS

    def next(self) -> str | None:
        """Return the lease token of a drain that listens. They take turns. ``None``: none listens."""
        with self._lock:
            if self._is_on and time.monotonic() - self._asked_at >= ASK_SECONDS:
                self._asked_at = time.monotonic()
                self._tokens = self._listening()
            return self._tokens[next(self._turn) % len(self._tokens)] if self._tokens else None

    def send(self, token: str, at: datetime, parcels: Iterable[Parcel]) -> bool:
        """Hand ``parcels`` to the drain. Return False if it listens no more.

        Args:
            at: when their leases began.
        """
        message = json.dumps([at.isoformat(), *parcels], separators=(",", ":"))
        try:
            if self._publish(LANE + token, message):
                return True
        except RedisError as error:
            logger.debug("A parcel could not be handed over: %s", error)
        with self._lock:
            self._tokens = [known for known in self._tokens if known != token]
        return False

    def _publish(self, channel: str, message: str) -> bool:
        """Publish by a client that keeps its connection. To take one from the pool takes longer than the rest.

        Threads wait for their turn here, not in the client. So those that wait while Redis hangs fail at once
        afterwards, and don't wait for it one after the other.
        """
        with self._turn_to_publish:
            if self._publisher is None:
                self._publisher = self._redis.client()  # type: ignore[no-untyped-call]
            return bool(self._publisher.publish(channel, message))

    def _listening(self) -> list[str]:
        try:
            channels = self._redis.pubsub_channels(LANE + "*")
        except RedisError:
            return []
        return sorted(bytes(channel).decode().removeprefix(LANE) for channel in channels)  # type: ignore[arg-type]


def opened(message: bytes) -> tuple[datetime, list[Parcel]]:
    """Return when the leases began, and the parcels of a message."""
    at, *parcels = json.loads(message)
    whole = [Parcel._make((*event, [Item(*item) for item in items])) for *event, items in parcels]
    return datetime.fromisoformat(at), whole


def lanes_of(app: Flask) -> Lanes:
    """Return what this process knows of the drains that listen."""
    if "lanes" not in app.extensions:
        app.extensions["lanes"] = Lanes(app.extensions["redis"], is_on=app.config["EXPRESS_LANE"])
    lanes: Lanes = app.extensions["lanes"]
    return lanes
