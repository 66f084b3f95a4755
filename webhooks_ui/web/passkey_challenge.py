"""The challenge that the browser's passkey is to sign. It is kept in the session of the browser for a few minutes."""

import time

from flask import Response, session

from webhooks_ui.models.types import is_recent
from webhooks_ui.people.passkeys import CHALLENGE_FOR

KEY = "challenge"


def ask(options: str, challenge: str) -> Response:
    """Answer the browser's script with ``options``, and remember their challenge."""
    session[KEY] = {"text": challenge, "at": int(time.time())}
    return Response(options, content_type="application/json")


def asked() -> str:
    """Return the challenge that this browser got last, and forget it. An empty text if there is none, or it is old."""
    kept = session.pop(KEY, None)
    if not isinstance(kept, dict) or not is_recent(kept["at"], CHALLENGE_FOR):
        return ""
    return str(kept["text"])
