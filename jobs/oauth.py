"""OAuth: the request that fetches a token by client credentials, and what its answer means (RFC 6749, 4.4).

The functions are pure. ``jobs.drain.tokens`` fetches tokens, keeps them and shares them.
"""

import base64
import json
import re
from collections.abc import Sequence
from typing import Any, NamedTuple
from urllib.parse import quote_plus, urlencode

from jobs.compose import Request
from jobs.hide import hidden, secrets_of
from jobs.send import Result
from webhooks_ui.deliveries.outcomes import Outcome
from webhooks_ui.deliveries.request_headers import user_agent
from webhooks_ui.json_object import find_object
from webhooks_ui.models.visible import in_one_line
from webhooks_ui.webhooks.oauth import ClientAuthentication, OAuthClient
from webhooks_ui.webhooks.own_headers import OwnHeader

DEFAULT_SECONDS = 300  # how long a token is kept if the answer doesn't say how long it lives
KEPT_MAX_SECONDS = 24 * 3_600
EARLY_SECONDS = 30  # a token is renewed so long before its end, or after nine tenths of a short life
TOKEN_MAX_CHARACTERS = 8 * 1024
WORDS_MAX_CHARACTERS = 160  # of the token endpoint's own words

_TOKEN = re.compile(r"[!-~]+")  # RFC 6749, appendix A.12, without the space that would end it in a header
_NO_ANSWER = {
    Outcome.TIMEOUT: "It didn't answer in time.",
    Outcome.DNS_FAILED: "Its host name doesn't resolve to an address.",
    Outcome.REFUSED: "Nothing is listening on its port.",
    Outcome.TLS_FAILED: "The secure connection to it failed.",
    Outcome.CONNECTION_FAILED: "The connection to it failed.",
    Outcome.BLOCKED_ADDRESS: "No request may go where its URL leads.",
    Outcome.CERTIFICATE_REFUSED: "It refused the webhook's client certificate.",
}


class Token(NamedTuple):
    """A bearer token.

    Args:
        seconds: how long it may be used.
    """

    text: str
    seconds: float


class NoToken(Exception):
    """No token was got. The message is a sentence about the token endpoint."""

    def __init__(self, outcome: Outcome, message: str) -> None:
        super().__init__(message)
        self.outcome = outcome


def token_request(client: OAuthClient) -> Request:
    """Return the request that fetches a token (RFC 6749, 2.3.1 and 4.4.2, and RFC 8707, 2)."""
    grant = client.grant
    fields = {"grant_type": "client_credentials"}
    fields |= {name: value for name in ("scope", "audience", "resource") if (value := getattr(grant, name))}
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "Accept": "application/json",
        "Accept-Encoding": "identity",
        "User-Agent": user_agent(),
    }
    if grant.method == ClientAuthentication.BODY:
        fields |= {"client_id": client.id, "client_secret": client.secret}
    else:
        headers["Authorization"] = _basic(client)
    return Request(headers, urlencode(fields).encode())


def _basic(client: OAuthClient) -> str:
    credentials = f"{quote_plus(client.id)}:{quote_plus(client.secret)}".encode()
    return f"Basic {base64.b64encode(credentials).decode()}"


def read_token(result: Result, client: OAuthClient) -> Token:
    """Return the token in the answer of a token endpoint (RFC 6749, 5.1).

    Raises:
        NoToken: there is none, and why. The message holds no secret that the endpoint repeats.
    """
    secrets = secrets_of([OwnHeader("Authorization", _basic(client)), OwnHeader("secret", client.secret)])
    if result.outcome == Outcome.CERTIFICATE_UNUSABLE:
        raise NoToken(result.outcome, result.detail)
    if result.outcome == Outcome.RESPONSE_BROKEN:
        raise NoToken(Outcome.TOKEN_BROKEN, _with("Its answer was not valid HTTP.", result.detail))
    if result.response_code is None or result.outcome == Outcome.CERTIFICATE_REFUSED:
        why = _NO_ANSWER.get(result.outcome, "It gave no answer.")
        raise NoToken(Outcome.TOKEN_UNREACHABLE, _with(why, result.detail))
    said = find_object(result.response_body or b"")
    if result.outcome != Outcome.DELIVERED or (said and "error" in said):
        raise NoToken(Outcome.TOKEN_REFUSED, _refusal(result, said or {}, secrets))
    if said is None:
        what = "is longer than 10 KiB" if result.response_truncated else "is not a JSON object"
        raise NoToken(Outcome.TOKEN_BROKEN, _with(f"Its answer {what}.", result.detail))
    text, kind = said.get("access_token"), said.get("token_type", "Bearer")
    if not isinstance(text, str) or not text:
        raise NoToken(Outcome.TOKEN_BROKEN, "Its answer has no access_token.")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise NoToken(Outcome.TOKEN_UNUSABLE, f"The type of its token is {_words(kind, secrets)}.")
    if len(text) > TOKEN_MAX_CHARACTERS or not _TOKEN.fullmatch(text):
        needed = f"printable ASCII of up to {TOKEN_MAX_CHARACTERS:,} characters"
        raise NoToken(Outcome.TOKEN_UNUSABLE, f"Its token isn't {needed}.")
    return Token(text, _kept_seconds(said.get("expires_in")))


def _kept_seconds(expires_in: Any) -> float:
    """Return how long a token may be used. Some endpoints write the number as a text."""
    try:
        seconds = DEFAULT_SECONDS if expires_in is None else min(float(expires_in), KEPT_MAX_SECONDS)
    except (TypeError, ValueError, OverflowError):
        seconds = DEFAULT_SECONDS
    return max(0.0, seconds - min(EARLY_SECONDS, seconds / 10)) if seconds == seconds else DEFAULT_SECONDS


def _refusal(result: Result, said: dict[str, Any], secrets: Sequence[str]) -> str:
    code = result.response_code
    words = ": ".join(_words(said[name], secrets) for name in ("error", "error_description") if said.get(name))
    if code is not None and 300 <= code < 400:
        return f"It answered {code}, and redirects are not followed. Put the final address into the token URL."
    return f"It answered {code}, {words}." if words else f"It answered {code}."


def _words(value: Any, secrets: Sequence[str]) -> str:
    """Return a value from an answer, as short and printable text without ``secrets``."""
    text = hidden(value if isinstance(value, str) else _json(value), secrets)
    return in_one_line(text)[:WORDS_MAX_CHARACTERS].rstrip(".")


def _json(value: Any) -> str:
    try:
        return json.dumps(value)
    except RecursionError:  # writing takes some levels more than reading
        return "nested too deeply"


def _with(sentence: str, detail: str) -> str:
    return f"{sentence} ({detail})" if detail else sentence
