import pytest
from redis import Redis

from jobs.wake import Listener, call_help, wake

QUEUE_KEY = "rq:queue:deliveries"


@pytest.fixture
def redis(app) -> Redis:
    return app.extensions["redis"]


@pytest.fixture
def listener(redis):
    listener = Listener(redis)
    yield listener
    listener.stop()


def test_one_wake_up_waits_at_a_time(redis):
    assert (wake(), wake()) == (True, True)
    assert redis.llen(QUEUE_KEY) == 1


def test_a_worker_that_listens_is_told_instead_of_rq(redis, listener):
    listener.start()
    wake()
    assert redis.llen(QUEUE_KEY) == 0
    assert listener.heard(1.0)
    assert not listener.heard(0)


def test_of_two_that_listen_one_answers(redis, listener):
    other = Listener(redis)
    listener.start()
    other.start()
    wake()
    assert [listener.heard(1.0), other.heard(1.0)] == [True, False]
    other.stop()


def test_a_wake_up_at_the_last_moment_is_not_lost(redis, listener):
    listener.start()
    wake()
    assert listener.stop()
    wake()
    assert redis.llen(QUEUE_KEY) == 1


def test_help_is_called_once_a_second_whoever_listens(redis, listener):
    listener.start()
    call_help()
    call_help()
    assert redis.llen(QUEUE_KEY) == 1


def test_without_redis_nobody_listens_and_nothing_is_raised(app, tmp_path):
    nobody = Redis(unix_socket_path=str(tmp_path / "nobody.sock"))
    listener = Listener(nobody)
    listener.start()
    assert (listener.listens, listener.heard(0), listener.stop()) == (False, False, False)
    app.extensions["redis"] = nobody
    assert wake() is False
    call_help()
