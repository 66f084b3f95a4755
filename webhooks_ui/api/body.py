"""Reads the JSON body of a request."""

import math
from typing import Any

from flask import request

from webhooks_ui.events import strict_json
from webhooks_ui.web.problem import Problem


def read_json() -> Any:
    """Return the value in the request's body. Ignore its Content-Type.

    Raises:
        Problem: 400 if the body isn't strict JSON, 413 if it is too large, 415 if it is compressed.
        werkzeug.exceptions.RequestEntityTooLarge: 413 if the Content-Length is too large.
    """
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise Problem(415, "Send the body uncompressed, without Content-Encoding.")
    body = request.get_data()
    if request.content_length is None and len(body) >= (request.max_content_length or math.inf):
        raise Problem(413)  # Werkzeug silently cuts a chunked body at the limit
    try:
        return strict_json.loads(body)
    except strict_json.BrokenJson as error:
        raise Problem(400, str(error)) from None


def read_optional_json(default: Any) -> Any:
    """Return what ``read_json`` returns, or ``default`` if the request has no body."""
    return read_json() if request.get_data() else default
