import pytest

from tests.support.factories import make_api_key


class Api:
    """A client that sends its key."""

    def __init__(self, client, key):
        self.client = client
        self.headers = {"Authorization": f"Bearer {key}"}

    def __getattr__(self, method):
        def send(path, **arguments):
            headers = self.headers | arguments.pop("headers", {})
            return getattr(self.client, method)(f"/api/v1{path}", headers=headers, **arguments)

        return send


@pytest.fixture
def api(app):
    """The API as seen with a key for production; forms' CSRF protection is on."""
    return Api(app.test_client(), make_api_key()[1])


@pytest.fixture
def staging_api(app):
    return Api(app.test_client(), make_api_key(environment="staging")[1])
