"""Requests are counted over all processes, with few round trips while the limit is far away."""

from pathlib import Path

import pytest
from flask import Flask
from redis import Redis

from webhooks_ui.api import rate
from webhooks_ui.api.rate import EXACT_BELOW, Rates

MINUTE = 1_800_000_000
MANY = 100_000


class CountedRedis:
    """Passes on what is asked of Redis, and counts it."""

    def __init__(self, redis: Redis) -> None:
        self.redis = redis
        self.asked = 0

    def incrby(self, name: str, amount: int) -> int:
        self.asked += 1
        return int(self.redis.incrby(name, amount))

    def expire(self, name: str, seconds: int) -> None:
        self.redis.expire(name, seconds)


@pytest.fixture
def redis(app: Flask) -> CountedRedis:
    return CountedRedis(app.extensions["redis"])


def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a process ask Redis only when it must."""
    monkeypatch.setattr(rate, "ASK_SECONDS", 3_600.0)


def test_a_busy_key_asks_redis_now_and_then(redis: CountedRedis, monkeypatch: pytest.MonkeyPatch) -> None:
    slow(monkeypatch)
    rates = Rates(redis)  # type: ignore[arg-type]
    assert [rates.count(1, MANY, MINUTE) for _ in range(50)] == [*range(1, 51)]
    assert redis.asked == 1


def test_near_its_limit_each_request_counts_at_once_in_all_processes(
    redis: CountedRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow(monkeypatch)
    one, other = Rates(redis), Rates(redis)  # type: ignore[arg-type]
    limit = EXACT_BELOW - 1
    used = [(one if number % 2 else other).count(1, limit, MINUTE) for number in range(limit + 2)]
    assert used == [*range(1, limit + 3)]


def test_what_one_process_counted_reaches_the_others(redis: CountedRedis, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = Rates(redis), Rates(redis)  # type: ignore[arg-type]
    slow(monkeypatch)
    for _ in range(1_000):
        one.count(1, MANY, MINUTE)
    monkeypatch.setattr(rate, "ASK_SECONDS", 0.0)
    assert [one.count(1, MANY, MINUTE), other.count(1, MANY, MINUTE)] == [1_001, 1_002]


def test_keys_and_minutes_are_counted_apart(redis: CountedRedis) -> None:
    rates = Rates(redis)  # type: ignore[arg-type]
    assert [rates.count(1, MANY, MINUTE), rates.count(2, MANY, MINUTE), rates.count(1, MANY, MINUTE + 60)] == [1, 1, 1]
    assert rates.count(1, MANY, MINUTE + 60) == 2


def test_the_counts_of_a_minute_end_with_it(app: Flask, redis: CountedRedis) -> None:
    Rates(redis).count(1, MANY, MINUTE)  # type: ignore[arg-type]
    assert 0 < redis.redis.ttl(f"webhooks/api/1/{MINUTE}") <= 60


def test_without_redis_a_process_counts_by_itself(tmp_path: Path) -> None:
    rates = Rates(Redis(unix_socket_path=str(tmp_path / "nobody.sock")))
    assert [rates.count(1, 10, MINUTE) for _ in range(12)] == [*range(1, 13)]
