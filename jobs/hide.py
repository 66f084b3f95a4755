"""Hide: endpoints may answer with what they were sent. The log doesn't keep the secrets in such an answer."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace

from jobs.send import Result
from webhooks_ui.webhooks.own_headers import MASK, OwnHeader

SECRET_MIN_CHARACTERS = 6  # a shorter value, such as 1, is too likely to stand there for itself


def hide(result: Result, headers: Iterable[OwnHeader]) -> Result:
    """Return the result with ``MASK`` wherever the endpoint repeats the value of one of ``headers``."""
    secrets = sorted(set(_secrets(headers)), key=len, reverse=True)
    if not secrets:
        return result
    body = result.response_body
    for secret in secrets if body else ():
        body = body.replace(secret.encode(), MASK.encode()) if body else body
    answered = [(name, _hidden(value, secrets)) for name, value in result.response_headers]
    return replace(result, response_body=body, response_headers=answered, detail=_hidden(result.detail, secrets))


def _secrets(headers: Iterable[OwnHeader]) -> Iterator[str]:
    """Yield the values in the ways in which an answer may hold them."""
    for name, value in headers:
        credentials = value.partition(" ")[2] if name == "Authorization" else ""
        for secret in (value, credentials):
            if len(secret) >= SECRET_MIN_CHARACTERS:
                yield from (secret, json.dumps(secret)[1:-1])


def _hidden(text: str, secrets: Iterable[str]) -> str:
    for secret in secrets:
        text = text.replace(secret, MASK)
    return text
