"""A provider of single sign-on on loopback that a test can let behave as it likes."""

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

from flask.testing import FlaskClient
from joserfc import jwt
from joserfc.jwk import RSAKey
from werkzeug.test import TestResponse

from tests.support.receivers import Answer, Received, Receiver, receiving
from tests.support.token_endpoint import answer
from webhooks_ui.configuration.sign_in import OidcProvider

CLIENT_ID, CLIENT_SECRET = "https://portal.example.com", "a secret: with/odd chars+%"
EMAIL = "eva@example.com"


class OddProvider:
    """Signs everybody in at once. Its attributes say what it tells.

    Args:
        receiver: takes the requests.
    """

    def __init__(self, receiver: Receiver) -> None:
        self.issuer = receiver.url.removesuffix("/hook")
        self.key = RSAKey.generate_key(2_048, {"kid": "1"})
        self.more_keys: list[object] = []  # that it publishes before its own
        self.names_key = True  # in the ID token
        self.claims: dict[str, Any] = {}  # of the ID token, beside the usual ones
        self.forge: Callable[[dict[str, Any]], str] | None = None  # makes the ID token instead of signing it
        self.description: dict[str, Any] = {}  # beside the usual one
        self.token_path = "/token"
        self.token_requests: list[Received] = []
        self.userinfo: Answer = answer(200, sub="eva")
        self.answers: dict[str, Answer] = {}  # by path, in place of the usual ones
        self.receiver = receiver
        receiver.respond = self.respond

    def settings(self, **fields: Any) -> OidcProvider:
        return OidcProvider(self.issuer, CLIENT_ID, CLIENT_SECRET, **fields)

    def sign_in(self, client: FlaskClient) -> TestResponse:
        """Go to the provider, and come back. Return the answer to coming back."""
        away = client.get("/login/sso")
        asked = parse_qs(urlsplit(away.headers["Location"]).query)
        return client.get("/login/sso/callback", query_string={"state": asked["state"][0], "code": asked["nonce"][0]})

    def respond(self, request: Received) -> Answer:
        if request.path in self.answers:
            return self.answers[request.path]
        if request.path == self.token_path:
            self.token_requests.append(request)
            nonce = parse_qs(request.body.decode())["code"][0]
            return answer(200, access_token="token", token_type="Bearer", id_token=self._id_token(nonce))
        given = {
            "/.well-known/openid-configuration": {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": self.issuer + self.token_path,
                "userinfo_endpoint": f"{self.issuer}/userinfo",
                "jwks_uri": f"{self.issuer}/keys",
                **self.description,
            },
            "/keys": {"keys": [*self.more_keys, self.key.as_dict(private=False)]},
        }
        if request.path == "/userinfo":
            return self.userinfo
        return answer(200, **given[request.path]) if request.path in given else answer(404)

    def _id_token(self, nonce: str) -> str:
        now = int(time.time())
        claims = {"iss": self.issuer, "sub": "eva", "aud": CLIENT_ID, "iat": now, "exp": now + 60, "nonce": nonce}
        claims |= {"email": EMAIL, "email_verified": True, **self.claims}
        if self.forge:
            return self.forge(claims)
        header = {"alg": "RS256"} | ({"kid": self.key.kid} if self.names_key else {})
        return jwt.encode(header, claims, self.key)


@contextlib.contextmanager
def providing_oddly() -> Iterator[OddProvider]:
    with receiving() as receiver:
        yield OddProvider(receiver)
