"""The headers of a request, made from what is known of it. Pure. The log stores only what can't be made anew.

An attempt has its signature, the version of the product that sent it, and the headers that differ from these: those of
the webhook, with masked values, or another content type. Its event, number and time give the rest. Attempts from
before that, and those whose headers can't be made anew exactly, have all their headers and no version.
"""

from collections.abc import Mapping
from typing import NamedTuple

from webhooks_ui import __version__

JSON = "application/json"
TIMESTAMP, SIGNATURE, SIGNATURE_TOO = "webhook-timestamp", "webhook-signature", "X-Webhook-Signature"


class Sent(NamedTuple):
    """What headers are made of.

    Args:
        length: of the body, in bytes.
        number: of the attempt, from 1.
        timestamp: Unix seconds of the attempt.
        signature: empty for a format that isn't signed.
        traceparent: sent on to the endpoint (W3C Trace Context), if there is one.
        version: of the product that sends.
    """

    event_id: str
    event_type: str
    environment: str
    length: int
    number: int
    timestamp: int
    signature: str
    is_test: bool = False
    traceparent: str | None = None
    version: str = __version__
    is_replay: bool = False


class Kept(NamedTuple):
    """What the log stores of the headers of an attempt."""

    headers: dict[str, str | None]  # None: it wasn't sent, although it would have been made
    signature: str | None = None
    version: str | None = None  # None: ``headers`` has all


def user_agent(version: str = __version__) -> str:
    return f"KeyManager-Webhooks/{version} (+standard-webhooks)"


def headers_of(sent: Sent, content_type: str = JSON) -> dict[str, str]:
    """Return the headers of a request.

    The log shows old attempts by this. So what is made for the versions that have been released must stay as it is.
    """
    headers = {
        "Content-Type": content_type,
        "Content-Length": str(sent.length),
        "User-Agent": user_agent(sent.version),
        "Accept": "*/*",
        "Accept-Encoding": "identity",
        "webhook-id": sent.event_id,
    }
    if not sent.signature:
        return headers
    headers[TIMESTAMP] = str(sent.timestamp)
    headers[SIGNATURE] = headers[SIGNATURE_TOO] = sent.signature
    headers["X-Webhook-Event"] = sent.event_type
    headers["X-Webhook-Environment"] = sent.environment
    headers["X-Webhook-Attempt"] = str(sent.number)
    if sent.is_test:
        headers["X-Webhook-Test"] = "true"
    if sent.is_replay:
        headers["X-Webhook-Replay"] = "true"
    if sent.traceparent:
        headers["traceparent"] = sent.traceparent
    return headers


def not_signed(headers: Mapping[str, str]) -> dict[str, str]:
    """Return headers as pages show them where there is no secret to sign with: ``v1,…`` for each signature."""
    return {
        name: " ".join("v1,…" for _ in value.split()) if name in (SIGNATURE, SIGNATURE_TOO) else value
        for name, value in headers.items()
    }


def kept_of(headers: dict[str, str], sent: Sent) -> Kept:
    """Return what to store of ``headers``, so that they can be made anew from ``sent``."""
    made = headers_of(sent)
    if headers == made:
        return Kept({}, sent.signature, sent.version)
    differing: dict[str, str | None] = {name: value for name, value in headers.items() if made.get(name) != value}
    differing |= {name: None for name in made if name not in headers}
    if list(merged(made, differing).items()) == list(headers.items()):
        return Kept(differing, sent.signature, sent.version)
    return Kept({**headers})


def merged(made: Mapping[str, str], differing: Mapping[str, str | None]) -> dict[str, str]:
    """Return the headers that are ``made``, with what is stored of those that differ."""
    return {name: value for name, value in {**made, **differing}.items() if value is not None}
