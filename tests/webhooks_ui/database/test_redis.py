"""Waiting for Redis."""

import logging

import pytest
from redis import Redis

from webhooks_ui.database.redis import wait_for_redis


@pytest.mark.parametrize(("tries", "warnings"), [(1, 0), (2, 1), (3, 1)])
def test_only_a_redis_that_stays_away_is_told_of_once(
    caplog: pytest.LogCaptureFixture, tries: int, warnings: int
) -> None:
    asked = []

    def gives_up() -> bool:
        asked.append(1)
        return len(asked) > tries

    with caplog.at_level(logging.WARNING):
        wait_for_redis(Redis(unix_socket_path="/nowhere/redis.sock"), gives_up)
    assert [record.getMessage()[:20] for record in caplog.records] == ["Redis is unreachable"] * warnings
