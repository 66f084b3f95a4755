import contextlib
import queue
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from jobs.drain import listener as listeners
from jobs.drain.listener import Listener
from tests.support.waiting import wait_for
from webhooks_ui.database import redis as redis_client
from webhooks_ui.run import redis_server
from webhooks_ui.wake import CHANNEL, WAITING_KEY, WAITING_SECONDS, call_help, wake

QUEUE_KEY = "rq:queue:deliveries"


@pytest.fixture
def redis(app: Flask) -> Redis:
    redis: Redis = app.extensions["redis"]
    return redis


@pytest.fixture
def bell() -> queue.SimpleQueue[bool]:
    return queue.SimpleQueue()


@pytest.fixture
def listener(redis: Redis, bell: queue.SimpleQueue[bool]) -> Iterator[Listener]:
    listener = listener_of(redis, bell)
    yield listener
    listener.stop()


def listener_of(redis: Redis, bell: queue.SimpleQueue[bool]) -> Listener:
    return Listener(redis, bell, "webhooks:express:nobody", lambda message: None)


def heard(bell: queue.SimpleQueue[bool], seconds: float = 1.0) -> bool:
    """Return True if a wake-up arrives within ``seconds``."""
    try:
        return bell.get(timeout=seconds)
    except queue.Empty:
        return False


def test_one_wake_up_waits_at_a_time(redis: Redis) -> None:
    assert (wake(), wake()) == (True, True)
    assert redis.llen(QUEUE_KEY) == 1


@pytest.mark.parametrize("kind", ["text", "list"])
def test_a_key_that_never_expires_keeps_no_wake_up_back(redis: Redis, kind: str) -> None:
    if kind == "text":
        redis.set(WAITING_KEY, "1")
    else:
        redis.rpush(WAITING_KEY, "1")
    assert (wake(), wake()) == (True, True)
    assert redis.llen(QUEUE_KEY) == 1
    assert 0 < redis.ttl(WAITING_KEY) <= 2 * WAITING_SECONDS


def test_rq_is_asked_if_who_listens_is_stopped(redis: Redis) -> None:
    with redis.pubsub() as stopped:  # type: ignore[no-untyped-call]
        stopped.subscribe(CHANNEL)
        wake()
        wake()
        assert redis.llen(QUEUE_KEY) == 0
        redis.pexpire(WAITING_KEY, WAITING_SECONDS * 1_000 + 4_000)
        wake()
        assert redis.llen(QUEUE_KEY) == 0
        redis.pexpire(WAITING_KEY, WAITING_SECONDS * 1_000)
        wake()
        wake()
    assert redis.llen(QUEUE_KEY) == 1


def test_a_worker_that_listens_is_told_instead_of_rq(
    redis: Redis, listener: Listener, bell: queue.SimpleQueue[bool]
) -> None:
    listener.start()
    wake()
    assert redis.llen(QUEUE_KEY) == 0
    assert heard(bell)
    assert not heard(bell, 0.1)


def test_of_two_that_listen_one_answers(redis: Redis, listener: Listener, bell: queue.SimpleQueue[bool]) -> None:
    other = listener_of(redis, bell)
    listener.start()
    other.start()
    wake()
    assert [heard(bell), heard(bell, 0.1)] == [True, False]
    other.stop()


def test_a_wake_up_at_the_last_moment_is_not_lost(
    redis: Redis, listener: Listener, bell: queue.SimpleQueue[bool]
) -> None:
    listener.start()
    wake()
    assert listener.stop() or heard(bell, 0)
    wake()
    assert redis.llen(QUEUE_KEY) == 1


def test_a_listener_ends_quietly_while_redis_hangs(
    redis: Redis, bell: queue.SimpleQueue[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error in its thread would fail this test."""
    monkeypatch.setattr(listeners, "STOP_SECONDS", 0.1)
    socket = redis.get_connection_kwargs()["path"]
    with Redis(unix_socket_path=socket, socket_timeout=0.2, retry=Retry(NoBackoff(), 0)) as impatient:
        listener = listener_of(impatient, bell)
        listener.start()
        (thread,) = [thread for thread in threading.enumerate() if thread.name == "listener"]
        redis.client_pause(1_000)
        assert not listener.stop()
        thread.join(5)
    assert not thread.is_alive()
    wait_for(redis.ping, what="Redis goes on")


@pytest.mark.parametrize("is_stopped", [False, True])
def test_a_listener_outlives_an_outage_of_redis_or_ends(
    tmp_path: Path, bell: queue.SimpleQueue[bool], is_stopped: bool
) -> None:
    """Its first tries to subscribe again fail."""
    redis = redis_client.connect(f"unix://{tmp_path / 'redis.sock'}")
    listener = listener_of(redis, bell)
    with running_redis(tmp_path):
        wait_for(lambda: redis_client.is_reachable(redis), what="Redis answers")
        listener.start()
        (thread,) = [thread for thread in threading.enumerate() if thread.name == "listener"]
    time.sleep(3 * redis_client.PAUSE_SECONDS)
    if is_stopped:
        listener.stop()
        thread.join(5)
        assert not thread.is_alive()
        return
    with running_redis(tmp_path):
        assert heard(bell, 10)
        wait_for(lambda: redis_client.is_reachable(redis), what="Redis answers")
        assert len(redis.pubsub_channels()) == 2
        listener.stop()


@contextlib.contextmanager
def running_redis(folder: Path) -> Iterator[None]:
    with subprocess.Popen(redis_server.command(folder / "redis.sock", folder), stdout=subprocess.DEVNULL) as server:
        try:
            yield
        finally:
            server.kill()


def test_help_is_called_once_a_second_from_those_that_listen_and_from_one_that_does_not(
    redis: Redis, listener: Listener, bell: queue.SimpleQueue[bool]
) -> None:
    listener.start()
    call_help()
    call_help()
    assert redis.llen(QUEUE_KEY) == 1
    assert [heard(bell), heard(bell, 0.1)] == [True, False]


def test_without_redis_nobody_listens_and_nothing_is_raised(app: Flask, tmp_path: Path) -> None:
    nobody = redis_client.connect(f"unix://{tmp_path / 'nobody.sock'}")
    listener = listener_of(nobody, queue.SimpleQueue())
    listener.start()
    assert (listener.listens, listener.stop()) == (False, False)
    redis_client.use(app, nobody)
    assert wake() is False
    call_help()
