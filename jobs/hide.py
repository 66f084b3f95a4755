"""Hide: endpoints may answer with what they were sent. The log doesn't keep the secrets in such an answer."""

import base64
import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from urllib.parse import quote, quote_plus

from jobs.send import Result
from webhooks_ui.webhooks.own_headers import MASK, OwnHeader

SECRET_MIN_CHARACTERS = 6  # a shorter value, such as 1, is too likely to stand there for itself


def hide(result: Result, headers: Iterable[OwnHeader]) -> Result:
    """Return the result with ``MASK`` wherever the endpoint repeats the value of one of ``headers``."""
    secrets = secrets_of(headers)
    if not secrets:
        return result
    body = result.response_body
    if body:
        for secret in secrets:
            body = body.replace(secret.encode(), MASK.encode())
        if result.response_truncated:
            body = _without_beginning(body, secrets)
    answered = [(name, hidden(value, secrets)) for name, value in result.response_headers]
    return replace(result, response_body=body, response_headers=answered, detail=hidden(result.detail, secrets))


def secrets_of(headers: Iterable[OwnHeader]) -> list[str]:
    """Return the values of ``headers`` in all the ways in which an answer may hold them, the longest first."""
    return sorted(set(_secrets(headers)), key=len, reverse=True)


def hidden(text: str, secrets: Iterable[str]) -> str:
    """Return ``text`` with ``MASK`` in place of each of ``secrets``. Cut it afterwards, or a part could be left."""
    for secret in secrets:
        text = text.replace(secret, MASK)
    return text


def _without_beginning(body: bytes, secrets: Iterable[str]) -> bytes:
    """Return a body that was cut, without the beginning of a secret at its end."""
    for secret in map(str.encode, secrets):
        for length in range(len(secret) - 1, SECRET_MIN_CHARACTERS - 1, -1):
            if body.endswith(secret[:length]):
                return body[:-length] + MASK.encode()
    return body


def _secrets(headers: Iterable[OwnHeader]) -> Iterator[str]:
    """Yield the values in the ways in which an answer may hold them."""
    for name, value in headers:
        scheme, _, credentials = value.partition(" ") if name == "Authorization" else ("", "", "")
        password = _password(credentials) if scheme == "Basic" else ""
        for secret in (value, credentials, password):
            if len(secret) >= SECRET_MIN_CHARACTERS:
                escaped = json.dumps(secret)[1:-1]
                yield from (secret, escaped, escaped.replace("/", "\\/"), quote(secret, safe=""), quote_plus(secret))


def _password(credentials: str) -> str:
    """Return the password in the credentials of Basic authentication (RFC 7617)."""
    try:
        return base64.b64decode(credentials).decode().partition(":")[2]
    except ValueError:
        return ""
