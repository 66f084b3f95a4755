"""Sign: the Standard Webhooks signature of one attempt."""

import base64
import hashlib
import hmac
from collections.abc import Sequence


def sign(event_id: str, timestamp: int, body: bytes, keys: Sequence[bytes]) -> str:
    """Return the value of ``webhook-signature``: one ``v1,…`` per key, newest first, separated by spaces.

    Source: Standard Webhooks, "Signature scheme": HMAC-SHA256 over ``{id}.{timestamp}.{body}``.

    Args:
        timestamp: Unix seconds of this attempt.
        keys: raw HMAC keys. A secret holds its key in base64, after ``whsec_``.
    """
    content = b"%s.%d.%s" % (event_id.encode(), timestamp, body)
    return " ".join("v1," + base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode() for key in keys)
