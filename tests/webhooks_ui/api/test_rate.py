"""Requests are counted over all processes, with few round trips while the limit is far away."""

from pathlib import Path

import pytest
from flask import Flask

from webhooks_ui.api import rate
from webhooks_ui.api.rate import EXACT_BELOW, Rates
from webhooks_ui.database import redis as redis_client
from webhooks_ui.database.windows import Window, Windows

MINUTE = 1_800_000_000
MANY = 100_000


class CountedWindows(Windows):
    """Counts how often Redis is asked."""

    asked = 0

    def add(self, key: str, amount: int, seconds: int) -> Window:
        self.asked += 1
        return super().add(key, amount, seconds)


@pytest.fixture
def windows(app: Flask) -> CountedWindows:
    return CountedWindows(app.extensions["redis"])


def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a process ask Redis only when it must."""
    monkeypatch.setattr(rate, "ASK_SECONDS", 3_600.0)


def test_a_busy_key_asks_redis_now_and_then(windows: CountedWindows, monkeypatch: pytest.MonkeyPatch) -> None:
    slow(monkeypatch)
    rates = Rates(windows)
    assert [rates.count(1, MANY, MINUTE) for _ in range(50)] == [*range(1, 51)]
    assert windows.asked == 1


def test_near_its_limit_each_request_counts_at_once_in_all_processes(
    windows: CountedWindows, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow(monkeypatch)
    one, other = Rates(windows), Rates(windows)
    limit = EXACT_BELOW - 1
    used = [(one if number % 2 else other).count(1, limit, MINUTE) for number in range(limit + 2)]
    assert used == [*range(1, limit + 3)]


def test_what_one_process_counted_reaches_the_others(windows: CountedWindows, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = Rates(windows), Rates(windows)
    slow(monkeypatch)
    for _ in range(1_000):
        one.count(1, MANY, MINUTE)
    monkeypatch.setattr(rate, "ASK_SECONDS", 0.0)
    assert [one.count(1, MANY, MINUTE), other.count(1, MANY, MINUTE)] == [1_001, 1_002]


def test_keys_and_minutes_are_counted_apart(windows: CountedWindows) -> None:
    rates = Rates(windows)
    assert [rates.count(1, MANY, MINUTE), rates.count(2, MANY, MINUTE), rates.count(1, MANY, MINUTE + 60)] == [1, 1, 1]
    assert rates.count(1, MANY, MINUTE + 60) == 2


def test_the_counts_of_a_minute_end_with_it(app: Flask, windows: CountedWindows) -> None:
    Rates(windows).count(1, MANY, MINUTE)
    assert 0 < app.extensions["redis"].ttl(f"webhooks/api/1/{MINUTE}") <= 60


def test_without_redis_a_process_counts_by_itself(tmp_path: Path) -> None:
    rates = Rates(Windows(redis_client.connect(f"unix://{tmp_path / 'nobody.sock'}")))
    assert [rates.count(1, 10, MINUTE) for _ in range(12)] == [*range(1, 13)]


def test_a_count_from_before_redis_clock_was_set_back_ends_in_time(app: Flask) -> None:
    redis = app.extensions["redis"]
    windows = Windows(redis)
    windows.add("limit", 1, 60)
    redis.expire("limit", 86_400)
    assert windows.add("limit", 1, 60) == Window(2, 60, is_shared=True)
