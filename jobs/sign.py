"""Sign: the Standard Webhooks signature and the headers of one attempt."""

import base64
import hashlib
import hmac
from collections.abc import Sequence

from webhooks_ui.deliveries.request_headers import JSON, Sent, headers_of


def sign(event_id: str, timestamp: int, body: bytes, keys: Sequence[bytes]) -> str:
    """Return the value of ``webhook-signature``: one ``v1,…`` per key, newest first, separated by spaces.

    Source: Standard Webhooks, "Signature scheme": HMAC-SHA256 over ``{id}.{timestamp}.{body}``.

    Args:
        timestamp: Unix seconds of this attempt.
        keys: raw HMAC keys. A secret holds its key in base64, after ``whsec_``.
    """
    content = b"%s.%d.%s" % (event_id.encode(), timestamp, body)
    return " ".join("v1," + base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode() for key in keys)


def headers(
    event_id: str,
    event_type: str,
    environment: str,
    body: bytes,
    *,
    timestamp: int,
    attempt: int,
    keys: Sequence[bytes],
    is_test: bool = False,
    is_replay: bool = False,
    content_type: str = JSON,
    traceparent: str | None = None,
) -> dict[str, str]:
    """Return all headers of attempt number ``attempt`` (from 1) of an event.

    Args:
        traceparent: sent on to the endpoint (W3C Trace Context), if there is one.
    """
    signature = sign(event_id, timestamp, body, keys)
    event = event_id, event_type, environment, len(body)
    sent = Sent(*event, attempt, timestamp, signature, is_test, traceparent, is_replay=is_replay)
    return headers_of(sent, content_type)


def unsigned_headers(event_id: str, body: bytes, content_type: str) -> dict[str, str]:
    """Return the headers of an attempt for a receiver that verifies nothing."""
    return headers_of(Sent(event_id, "", "", len(body), 1, 0, ""), content_type)
