"""Publishing and the pages while Redis is down or hangs."""

import contextlib
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from redis import ConnectionError

from tests.support.factories import make_api_key, make_webhook
from webhooks_ui.database import redis as redis_client

EVENT = {"type": "license.activated", "data": {}}
NOTICE = "so deliveries wait"


@pytest.fixture
def hanging(tmp_path: Path) -> Iterator[socket.socket]:
    """A Redis that accepts connections and never answers."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "hangs.sock"))
        listener.listen(16)
        listener.setblocking(False)
        yield listener


def connections(listener: socket.socket) -> int:
    """Return how many connections came since the last call."""
    count = 0
    with contextlib.suppress(BlockingIOError):
        while True:
            listener.accept()[0].close()
            count += 1
    return count


def test_the_pages_say_that_deliveries_wait(app: Flask, admin: FlaskClient) -> None:
    assert NOTICE not in admin.get("/admin/webhooks").text
    redis_client.use(app, redis_client.connect("unix:///nobody/listens"))
    for path in ("/admin/webhooks", "/admin/webhook-deliveries"):
        answer = admin.get(path)
        assert answer.status_code == 200
        assert NOTICE in answer.text


def test_a_redis_that_hangs_holds_up_one_request_for_a_second_and_the_next_not_at_all(
    app: Flask, client: FlaskClient, hanging: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_client, "TIMEOUT_SECONDS", 0.2)
    make_webhook()
    _, key = make_api_key()
    redis_client.use(app, redis_client.connect(f"unix://{hanging.getsockname()}"))
    asked = []
    for _ in range(3):
        answer = client.post("/api/v1/events", json=EVENT, headers={"Authorization": f"Bearer {key}"})
        assert answer.status_code == 202
        asked.append(connections(hanging))
    assert asked[0] > 0
    assert asked[1:] == [0, 0]


def test_what_is_not_tried_again_says_why_it_failed(tmp_path: Path) -> None:
    redis = redis_client.connect(f"unix://{tmp_path}/nowhere")
    with pytest.raises(ConnectionError) as first:
        redis.ping()
    with pytest.raises(ConnectionError, match="a moment ago") as second:
        redis.ping()
    assert str(second.value).endswith(f": {first.value}")


def test_after_a_pause_redis_is_tried_again(redis_socket: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_client, "DOWN_SECONDS", 0.0)
    redis = redis_client.connect(f"unix://{redis_socket}")
    redis._down_until = time.monotonic() + 60
    with pytest.raises(ConnectionError, match="a moment ago"):
        redis.ping()
    redis._down_until = 0.0
    assert redis.ping()
    redis.close()
