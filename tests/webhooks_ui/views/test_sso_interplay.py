"""Single sign-on through providers that change their keys, or keep to the standards in unusual ways."""

import base64
import gzip
import json
import socket
import time
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, unquote_plus

import pytest
from flask import Flask
from flask.testing import FlaskClient
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from time_machine import travel

from tests.support.factories import make_user
from tests.support.odd_provider import CLIENT_ID, CLIENT_SECRET, EMAIL, OddProvider, providing_oddly
from tests.support.people import is_signed_in
from tests.support.receivers import Answer, Received, raw_receiving, read_request, receiving
from tests.support.token_endpoint import answer
from webhooks_ui.configuration.sign_in import OidcProvider
from webhooks_ui.models import User, utcnow
from webhooks_ui.web import oidc
from webhooks_ui.web.oidc import ANSWER_MAX_BYTES, DESCRIPTION_SECONDS

TABLE = (("admins", "super_admin"), ("*", "viewer"))
PUBLISHED = OctKey.generate_key(256, {"kid": "published"})
BOMB = gzip.compress(b" " * 20 * ANSWER_MAX_BYTES)
GZIP_WITH_A_NAME = b"\x1f\x8b\x08\x08" + bytes(6)  # RFC 1952, 2.3. The name follows, up to a zero
PUBLIC_KEY = RSAKey.generate_key(2_048).as_dict(private=False)


@pytest.fixture
def provider(app: Flask) -> Iterator[OddProvider]:
    with providing_oddly() as provider:
        app.config["OIDC"] = provider.settings()
        make_user(EMAIL)
        yield provider


@pytest.mark.parametrize("names_key", [True, False])
@pytest.mark.parametrize("name", ["1", "2"])
def test_a_provider_may_replace_its_key(
    app: Flask, client: FlaskClient, provider: OddProvider, name: str, names_key: bool
) -> None:
    provider.names_key = names_key
    provider.sign_in(client)
    provider.key = RSAKey.generate_key(2_048, {"kid": name})
    other = app.test_client()
    provider.sign_in(other)
    assert is_signed_in(other)


def test_after_a_failure_the_provider_is_asked_anew_where_its_endpoints_are(
    app: Flask, client: FlaskClient, provider: OddProvider
) -> None:
    provider.sign_in(client)
    provider.token_path = "/v2/token"
    other = app.test_client()
    assert provider.sign_in(other).status_code == 503
    provider.sign_in(other)
    assert is_signed_in(other)


@pytest.mark.parametrize("endpoint", [None, 5])
def test_a_description_that_makes_no_sense_is_read_again(
    client: FlaskClient, provider: OddProvider, endpoint: object
) -> None:
    provider.description = {"authorization_endpoint": endpoint}
    assert client.get("/login/sso").status_code == 503
    provider.description = {}
    provider.sign_in(client)
    assert is_signed_in(client)


def test_what_a_provider_says_of_itself_is_used_for_an_hour(client: FlaskClient, provider: OddProvider) -> None:
    began = utcnow()
    with travel(began, tick=False):
        client.get("/login/sso")
    provider.description = {"authorization_endpoint": f"{provider.issuer}/elsewhere"}
    with travel(began.timestamp() + DESCRIPTION_SECONDS, tick=False):
        assert f"{provider.issuer}/authorize?" in client.get("/login/sso").headers["Location"]
    with travel(began.timestamp() + DESCRIPTION_SECONDS + 1, tick=False):
        assert f"{provider.issuer}/elsewhere?" in client.get("/login/sso").headers["Location"]


@pytest.mark.parametrize(
    "key",
    [
        {"kty": "EC", "crv": "P-1024", "x": "AA", "y": "AA", "kid": "2"},
        {"kty": "of the future", "kid": "2"},
        {"kid": "2"},
        PUBLIC_KEY | {"use": "enc"},
        "no key",
    ],
)
@pytest.mark.parametrize("names_key", [True, False])
def test_keys_that_are_of_no_use_here_do_not_matter(
    client: FlaskClient, provider: OddProvider, key: object, names_key: bool
) -> None:
    provider.names_key, provider.more_keys = names_key, [key]
    provider.sign_in(client)
    assert is_signed_in(client)


@pytest.mark.parametrize("audience", ["another", ["another"], ["another", "a third"]])
def test_an_id_token_that_is_for_somebody_else_opens_nothing(
    client: FlaskClient, provider: OddProvider, audience: object
) -> None:
    provider.claims = {"aud": audience, "azp": CLIENT_ID}
    assert provider.sign_in(client).status_code == 503
    assert not is_signed_in(client)
    provider.claims = {"aud": ["another", CLIENT_ID], "azp": CLIENT_ID}
    provider.sign_in(client)
    assert is_signed_in(client)


def unsigned(claims: dict[str, Any]) -> str:
    parts = (base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in ({"alg": "none"}, claims))
    return b".".join([*parts, b""]).decode()


def signed_with_what_everybody_may_read(claims: dict[str, Any]) -> str:
    return jwt.encode({"alg": "HS256", "kid": PUBLISHED.kid}, claims, PUBLISHED)


@pytest.mark.filterwarnings("ignore:JWS algorithm")
@pytest.mark.parametrize("forge", [unsigned, signed_with_what_everybody_may_read])
def test_an_id_token_that_anybody_could_have_made_opens_nothing(
    client: FlaskClient, provider: OddProvider, forge: Callable[[dict[str, Any]], str]
) -> None:
    provider.description = {"id_token_signing_alg_values_supported": ["none", "HS256", "RS256"]}
    provider.more_keys = [PUBLISHED.as_dict()]
    provider.forge = forge
    assert provider.sign_in(client).status_code == 503
    assert not is_signed_in(client)
    provider.forge = None
    provider.sign_in(client)
    assert is_signed_in(client)


@pytest.mark.parametrize("methods", [None, [], ["client_secret_basic"], ["client_secret_post", "client_secret_basic"]])
def test_the_portal_authenticates_by_basic_in_its_encoded_form(
    client: FlaskClient, provider: OddProvider, methods: list[str] | None
) -> None:
    if methods is not None:
        provider.description = {"token_endpoint_auth_methods_supported": methods}
    provider.sign_in(client)
    assert is_signed_in(client)
    header = provider.token_requests[0].headers["authorization"]
    id, _, secret = base64.b64decode(header.removeprefix("Basic ")).decode().partition(":")
    assert (unquote_plus(id), unquote_plus(secret)) == (CLIENT_ID, CLIENT_SECRET)
    assert b"client_secret" not in provider.token_requests[0].body


def test_the_portal_authenticates_in_the_body_where_the_provider_wants_it(
    client: FlaskClient, provider: OddProvider
) -> None:
    provider.description = {"token_endpoint_auth_methods_supported": ["private_key_jwt", "client_secret_post"]}
    provider.sign_in(client)
    assert is_signed_in(client)
    request = provider.token_requests[0]
    fields = parse_qs(request.body.decode())
    assert (fields["client_id"], fields["client_secret"]) == ([CLIENT_ID], [CLIENT_SECRET])
    assert "authorization" not in request.headers


def test_a_claim_that_gives_no_role_here_need_not_be_told(client: FlaskClient, provider: OddProvider) -> None:
    provider.userinfo = answer(403)
    provider.sign_in(client)
    assert is_signed_in(client)


def test_who_is_in_too_many_groups_is_told_so_and_keeps_the_role(
    app: Flask, client: FlaskClient, provider: OddProvider
) -> None:
    user: User = make_user("mia@example.com", role="super_admin")
    app.config["OIDC"] = provider.settings(roles=TABLE, allowed_domains=("example.com",))
    provider.claims = {
        "email": user.email,
        "_claim_names": {"groups": "src1"},
        "_claim_sources": {"src1": {"endpoint": "https://graph.example.com/me/getMemberObjects"}},
    }
    refused = provider.sign_in(client)
    assert refused.status_code == 403
    assert "The provider left out groups" in refused.text
    assert user.role == "super_admin"
    provider.userinfo = answer(200, sub="eva", groups=["admins"])
    provider.sign_in(client)
    assert is_signed_in(client)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_a_redirect_takes_the_secret_and_the_code_nowhere_else(
    client: FlaskClient, provider: OddProvider, method: str, status: int
) -> None:
    provider.description = {"token_endpoint_auth_methods_supported": [method]}
    with receiving() as elsewhere:
        provider.answers["/token"] = (status, {"Location": elsewhere.url}, b"")
        assert provider.sign_in(client).status_code == 503
        assert elsewhere.requests == []


def test_the_keys_may_have_moved(client: FlaskClient, provider: OddProvider) -> None:
    provider.description = {"jwks_uri": f"{provider.issuer}/older-keys"}
    provider.answers["/older-keys"] = (302, {"Location": "/keys"}, b"")
    provider.sign_in(client)
    assert is_signed_in(client)


def test_cookies_go_along_with_a_redirect(client: FlaskClient, provider: OddProvider) -> None:
    """Some gates in front of a provider send whoever lacks their cookie to the same address with it."""

    def gated(request: Received) -> Answer:
        if request.path == "/keys" and "gate=open" not in request.headers.get("cookie", ""):
            return 302, {"Location": "/keys", "Set-Cookie": "gate=open; Path=/"}, b""
        return provider.respond(request)

    provider.receiver.respond = gated
    provider.sign_in(client)
    assert is_signed_in(client)


@pytest.mark.parametrize("path", ["/token", "/keys", "/userinfo"])
@pytest.mark.parametrize("status", [200, 302])
def test_an_answer_of_any_length_takes_little_memory(
    app: Flask, client: FlaskClient, provider: OddProvider, path: str, status: int
) -> None:
    app.config["OIDC"] = provider.settings(roles=TABLE, allowed_domains=("example.com",))  # it asks for the groups, too
    provider.answers[path] = (status, {"Location": path, "Content-Encoding": "gzip"}, BOMB)
    tracemalloc.start()
    try:
        assert provider.sign_in(client).status_code == 503
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 10 * ANSWER_MAX_BYTES


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        (b"Content-Length: 300\r\n\r\n", b" "),
        (b"Content-Encoding: gzip\r\n\r\n" + GZIP_WITH_A_NAME, b"a" * 1_000),  # of the name. It stands for no data
    ],
    ids=["plain", "gzip"],
)
def test_an_answer_that_comes_bit_by_bit_is_not_waited_for(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch, head: bytes, piece: bytes
) -> None:
    def drip(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\n" + head)
        for _ in range(300):
            time.sleep(0.05)
            connection.sendall(piece)

    monkeypatch.setattr(oidc, "TIMEOUT_SECONDS", 1)
    with raw_receiving(drip) as slow:
        app.config["OIDC"] = OidcProvider(slow.url.removesuffix("/hook"), CLIENT_ID, CLIENT_SECRET)
        began = time.monotonic()
        assert client.get("/login/sso").status_code == 503
        assert time.monotonic() - began < 10


def test_nobody_writes_a_long_line_into_the_log(
    client: FlaskClient, provider: OddProvider, caplog: pytest.LogCaptureFixture
) -> None:
    said = {"error": "odd", "error_description": "x" * 60_000}
    assert client.get("/login/sso/callback", query_string=said).status_code == 400
    assert "Single sign-on failed" in caplog.text
    assert "x" * 100 in caplog.text
    assert max(len(record.getMessage()) for record in caplog.records) < 500


@pytest.mark.parametrize("body", [({"Content-Encoding": "gzip"}, b"no gzip"), ({"Content-Length": "9"}, b"{}")])
def test_a_broken_answer_is_told(
    client: FlaskClient, provider: OddProvider, body: tuple[dict[str, str], bytes]
) -> None:
    provider.answers["/keys"] = (200, {"Connection": "close", **body[0]}, body[1])
    answer = provider.sign_in(client)
    assert answer.status_code == 503
    assert "The provider can&#39;t be used right now" in answer.text
