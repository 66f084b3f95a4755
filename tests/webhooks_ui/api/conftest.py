"""Fixtures: clients of the API with their keys."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.support.factories import make_api_key


class Api:
    """A client that sends its key. ``api.post("/events", …)`` sends a POST to /api/v1/events."""

    def __init__(self, client: FlaskClient, key: str) -> None:
        self.client = client
        self.headers = {"Authorization": f"Bearer {key}"}

    def __getattr__(self, method: str) -> Callable[..., TestResponse]:
        def send(path: str, **arguments: Any) -> TestResponse:
            headers = self.headers | arguments.pop("headers", {})
            response: TestResponse = getattr(self.client, method)(f"/api/v1{path}", headers=headers, **arguments)
            return response

        return send


@pytest.fixture
def api(app: Flask) -> Api:
    """A client with a key for production. The CSRF protection of forms is on."""
    return Api(app.test_client(), make_api_key()[1])


@pytest.fixture
def staging_api(app: Flask) -> Api:
    return Api(app.test_client(), make_api_key(environment="staging")[1])
