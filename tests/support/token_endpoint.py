"""A token endpoint on loopback, which gives tokens by client credentials as RFC 6749 wants it."""

import base64
import contextlib
import itertools
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, unquote_plus

from tests.support.receivers import Answer, Received, Receiver, receiving

CLIENT_ID, CLIENT_SECRET = "client 7", "s3cret:with/odd chars+"


class TokenEndpoint:
    """Checks the client, and gives ``token-1``, ``token-2`` and so on.

    Args:
        receiver: takes the requests. A test may set its ``respond`` to something else.
    """

    def __init__(self, receiver: Receiver) -> None:
        self.receiver = receiver
        self.url = receiver.url
        self.given: list[str] = []
        self.more: dict[str, Any] = {"expires_in": 3_600}  # further members of the answer
        self._numbers = itertools.count(1)
        receiver.respond = self.give

    @property
    def requests(self) -> list[Received]:
        return self.receiver.requests

    def fields(self, number: int = -1) -> dict[str, str]:
        """Return the fields of a request."""
        return {name: values[0] for name, values in parse_qs(self.requests[number].body.decode()).items()}

    def give(self, request: Received) -> Answer:
        fields = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        client = fields.get("client_id", ""), fields.get("client_secret", "")
        if "authorization" in request.headers:
            decoded = base64.b64decode(request.headers["authorization"].removeprefix("Basic ")).decode()
            id, _, secret = decoded.partition(":")
            client = unquote_plus(id), unquote_plus(secret)
        if client != (CLIENT_ID, CLIENT_SECRET):
            return answer(401, error="invalid_client", error_description="No such client, or a wrong secret.")
        if fields["grant_type"] != "client_credentials":
            return answer(400, error="unsupported_grant_type")
        self.given.append(f"token-{next(self._numbers)}")
        return answer(200, access_token=self.given[-1], token_type="Bearer", **self.more)


def answer(code: int, **members: Any) -> Answer:
    return code, {"Content-Type": "application/json"}, json.dumps(members).encode()


@contextlib.contextmanager
def giving_tokens() -> Iterator[TokenEndpoint]:
    with receiving() as receiver:
        yield TokenEndpoint(receiver)
