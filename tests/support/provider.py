"""A real provider of single sign-on on loopback (oidc-provider-mock), and the way of a browser through it."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import requests
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.support.rig import free_port
from tests.support.waiting import wait_for
from webhooks_ui.configuration.sign_in import OidcProvider

CLIENT_ID, CLIENT_SECRET = "portal", "the secret of the portal"


class Provider:
    """A running provider.

    Args:
        issuer: its address.
    """

    def __init__(self, issuer: str) -> None:
        self.issuer = issuer

    def settings(self, **fields: Any) -> OidcProvider:
        """Return the settings that config.py would read for this provider."""
        return OidcProvider(self.issuer, CLIENT_ID, CLIENT_SECRET, **fields)

    def answers(self) -> bool:
        with contextlib.suppress(requests.ConnectionError):
            return requests.get(self.issuer, timeout=10).ok
        return False

    def describe(self, subject: str, **claims: Any) -> None:
        """Say what the provider knows of a person."""
        requests.put(f"{self.issuer}/users/{subject}", json=claims, timeout=10).raise_for_status()

    def sign_in(self, client: FlaskClient, subject: str, **query: str) -> TestResponse:
        """Go to the provider, sign in there as ``subject``, and come back. Return the answer to coming back."""
        return client.get(self.way_back(client, {"sub": subject}, **query))

    def way_back(self, client: FlaskClient, form: dict[str, str], **query: str) -> str:
        """Go to the provider and send its form. Return the path to which it sends the browser back."""
        away = client.get("/login/sso", query_string=query)
        answer = requests.post(away.headers["Location"], data=form, allow_redirects=False, timeout=10)
        back = urlsplit(answer.headers["Location"])
        return f"{back.path}?{back.query}"


@contextlib.contextmanager
def providing() -> Iterator[Provider]:
    """Run a provider, in a process of its own."""
    port = free_port()
    command = [sys.executable, "-m", "oidc_provider_mock", "--host", "localhost", "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        provider = Provider(f"http://localhost:{port}")
        wait_for(provider.answers, what="the provider answers")
        yield provider
    finally:
        process.kill()
        process.wait()
