"""The client of the provider of single sign-on (OpenID Connect, by Authlib: code flow with PKCE, state and nonce)."""

import io
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote_plus

import requests
import urllib3
from authlib.integrations.base_client.errors import MismatchingStateError, OAuthError
from authlib.integrations.flask_client import FlaskOAuth2App, OAuth
from authlib.integrations.requests_client import OAuth2Session
from authlib.integrations.requests_client.oauth2_session import OAuth2ClientAuth
from flask import current_app, session
from joserfc.errors import JoseError
from joserfc.jwk import import_key
from werkzeug.wrappers import Response

from webhooks_ui.configuration.sign_in import OidcProvider
from webhooks_ui.people.single_sign_on import with_more

DISCOVERY = "/.well-known/openid-configuration"  # OpenID Connect Discovery 1.0, 4
TIMEOUT_SECONDS = 10
ANSWER_MAX_BYTES = 1024 * 1024  # when it is decoded. The longest ones are lists of keys with their certificates
PIECE_BYTES = 64 * 1024
EXTENSION = "oidc_clients"
NAME = "oidc"
UNFINISHED_MAX = 3
DESCRIPTION_SECONDS = 3_600  # how long the provider's description of itself is used
# What Authlib raises if the provider can't be reached, or if something that it says makes no sense
TROUBLE = (
    *(requests.RequestException, urllib3.exceptions.HTTPError, JoseError),
    *(RuntimeError, ValueError, KeyError, TypeError, AttributeError),
)
ALGORITHMS = "id_token_signing_alg_values_supported"  # Discovery 1.0, 3
UNSIGNED = "none"
SYMMETRIC = "oct"  # the type of a key that both signs and verifies
BASIC, BODY = "client_secret_basic", "client_secret_post"  # Discovery 1.0, 3: token_endpoint_auth_methods_supported


class Failed(Exception):
    """Signing in at the provider failed. The message is for people, and the cause for the log."""

    status = 400  # of the answer


class Unasked(Failed):
    """This browser didn't ask the provider what it answers, or no longer knows that it did."""

    def __init__(self) -> None:
        super().__init__("Signing in took too long, or was begun in another tab. Please start again.")


class Unusable(Failed):
    """The provider can't be reached, or its answer makes no sense."""

    status = 503

    def __init__(self) -> None:
        super().__init__("The provider can't be used right now. Try again in a minute, or use another way to sign in.")


class Busy(Failed):
    """Too many people wait for the provider already."""

    status = 503

    def __init__(self) -> None:
        super().__init__("Too many people are waiting for the provider. Try again in a few seconds.")


def redirect_to(provider: OidcProvider, callback: str, **parameters: str) -> Response:
    """Send the browser to the provider, which sends it back to ``callback``.

    Raises:
        Unusable: The provider can't be reached, or its answer makes no sense.
    """
    try:
        _forget_old_states()
        answer: Response = _client(provider).authorize_redirect(callback, **parameters)
    except (OAuthError, *TROUBLE) as error:
        _clients().pop(provider, None)  # what it said of itself may have been an error
        raise Unusable from error
    return answer


def claims_of_answer(provider: OidcProvider) -> Mapping[str, Any]:
    """Return what the provider says of the person, from the checked ID token and the userinfo endpoint.

    Raises:
        Failed: The person gave up.
        Unasked: The answer is none to this browser's question.
        Unusable: The provider can't be reached, or its answer makes no sense.
    """
    client = _client(provider)
    try:
        metadata = client.load_server_metadata()
        expected = {"iss": _checked_issuer(provider, metadata), "aud": provider.client_id}
        token = client.authorize_access_token(
            claims_options={name: {"essential": True, "values": [value]} for name, value in expected.items()},
            auth=_credentials(provider, metadata),
        )
        claims = dict(token["userinfo"])
        if _wanted(provider) - claims.keys() and metadata.get("userinfo_endpoint"):
            more = client.userinfo(token=token)
            if more.get("sub") != claims["sub"]:  # OpenID Connect Core 1.0, 5.3.2
                raise ValueError("The userinfo endpoint describes somebody else.")
            claims = with_more(claims, more)
    except MismatchingStateError as error:
        raise Unasked from error
    except OAuthError as error:
        if error.error == "access_denied":
            raise Failed("The provider didn't sign you in: access was denied.") from error
        raise Failed("The provider didn't sign you in. Try again, or ask its administrators.") from error
    except TROUBLE as error:
        _clients().pop(provider, None)  # its description may have changed
        raise Unusable from error
    return claims


class Session(OAuth2Session):  # type: ignore[misc]
    """The session of Authlib. It reads no answer without an end, and sends a secret to no other address."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.hooks["response"].append(self._read)

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Follow a redirect only from what is read. A form holds the secret, the code and its verifier.

        Source: RFC 9700, 4.12.
        """
        target: str | None = super().get_redirect_target(resp) if resp.request.method == "GET" else None
        return target

    def _read(self, response: requests.Response, **_: Any) -> None:
        """Read the body, and keep the cookies, which requests looks for in what ``raw`` was."""
        response.raw = io.BytesIO(_body(response))
        self.cookies.update(response.cookies)


class Client(FlaskOAuth2App):  # type: ignore[misc]
    """The client of Authlib, which fetches the provider's keys at each sign-in.

    A provider may have replaced a key by one with the same name, or without any, or have withdrawn it. An ID token
    without a signature counts for nothing, although a provider may offer that (OpenID Connect Core 1.0, 3.1.3.7).
    """

    client_cls = Session

    def load_server_metadata(self) -> dict[str, Any]:
        metadata: dict[str, Any] = super().load_server_metadata()
        if UNSIGNED in (offered := metadata.get(ALGORITHMS) or ()):
            metadata[ALGORITHMS] = [name for name in offered if name != UNSIGNED]
        return metadata

    def fetch_jwk_set(self, force: bool = True) -> dict[str, Any]:
        found: dict[str, Any] = super().fetch_jwk_set(force=True)
        return {"keys": [key for key in found["keys"] if _is_for_signatures(key)]}

    @property
    def is_old(self) -> bool:
        """Whether the provider's description was read too long ago."""
        now = time.time()
        return bool(now - self.server_metadata.get("_loaded_at", now) > DESCRIPTION_SECONDS)


def _body(response: requests.Response) -> bytes:
    """Return the decoded body. The time-out of requests is that of each piece, and requests would read on and on.

    Raises:
        requests.RequestException, urllib3.exceptions.HTTPError: It is too long, takes too long, or breaks off.
    """
    ends_at, came = time.monotonic() + TIMEOUT_SECONDS, bytearray()
    with response:
        # Decoded afterwards: urllib3 reads on as long as compressed bytes stand for nothing
        while piece := response.raw.read1(PIECE_BYTES, decode_content=False):
            came += piece
            _check_length(came)
            if time.monotonic() > ends_at:
                raise requests.Timeout(f"The answer took over {TIMEOUT_SECONDS} seconds.")
    encoding = {"Content-Encoding": response.headers.get("Content-Encoding", "")}
    with urllib3.HTTPResponse(io.BytesIO(came), encoding, preload_content=False) as encoded:
        body: bytes = encoded.read(ANSWER_MAX_BYTES + 1)
    _check_length(body)
    return body


def _check_length(body: bytes | bytearray) -> None:
    if len(body) > ANSWER_MAX_BYTES:
        raise requests.RequestException(f"The answer has over {ANSWER_MAX_BYTES:,} bytes.")


def _is_for_signatures(key: Any) -> bool:
    """Return True if the key can be one for signatures. Others must not matter (RFC 7517, 4.2 and 5).

    What a key that everybody may read has signed proves nothing, if the same key signs and verifies.
    """
    if not isinstance(key, dict) or key.get("use") == "enc" or key.get("kty") == SYMMETRIC:
        return False
    try:
        import_key(key)
    except (JoseError, ValueError, KeyError, TypeError):
        return False
    return True


def _wanted(provider: OidcProvider) -> set[str]:
    """Return the claims that count for signing in."""
    return {"email", "email_verified"} | ({provider.role_claim} if provider.roles else set())


def _credentials(provider: OidcProvider, metadata: Mapping[str, Any]) -> Any:
    """Return what authenticates the portal at the token endpoint: Basic, or else fields of the body.

    Source: RFC 6749, 2.3.1.
    """
    methods = metadata.get("token_endpoint_auth_methods_supported") or ()
    if BODY in methods and BASIC not in methods:
        return OAuth2ClientAuth(provider.client_id, provider.client_secret, BODY)
    return quote_plus(provider.client_id), quote_plus(provider.client_secret)


def _forget_old_states() -> None:
    """Keep only the newest of the sign-ins that were begun and not finished. A cookie has room for few of them."""
    states = [key for key in session if key.startswith(f"_state_{NAME}_")]
    for key in sorted(states, key=lambda key: float(session[key].get("exp", 0)))[: -UNFINISHED_MAX + 1]:
        session.pop(key)


def _clients() -> dict[OidcProvider, Any]:
    clients: dict[OidcProvider, Any] = current_app.extensions.setdefault(EXTENSION, {})
    return clients


def _client(provider: OidcProvider) -> Any:
    """Return the client, which keeps the provider's description."""
    client = _clients().get(provider)
    if client is None or client.is_old:
        client = _clients()[provider] = OAuth(current_app).register(
            NAME,
            client_cls=Client,
            client_id=provider.client_id,
            client_secret=provider.client_secret,
            server_metadata_url=provider.issuer.rstrip("/") + DISCOVERY,
            client_kwargs={
                "scope": provider.scopes,
                "code_challenge_method": "S256",
                "default_timeout": TIMEOUT_SECONDS,
            },
        )
    return client


def _checked_issuer(provider: OidcProvider, metadata: Mapping[str, Any]) -> str:
    """Return the issuer as the provider writes it (OpenID Connect Discovery 1.0, 4.3).

    Raises:
        ValueError: It is another one than ``OIDC_ISSUER``.
    """
    issuer = str(metadata.get("issuer"))
    if issuer.rstrip("/") != provider.issuer.rstrip("/"):
        raise ValueError(f"OIDC_ISSUER is {provider.issuer}, but the provider calls itself {issuer}.")
    return issuer
