"""The JSON body of a request."""

import math
from typing import Any

from flask import request

from webhooks_ui.events import strict_json
from webhooks_ui.web.problem import Problem


def read_json() -> Any:
    """The value that the request carries, whatever its Content-Type says.

    Raises:
        Problem: 400, it is no strict JSON; 413, it is too large; 415, it is compressed.
        werkzeug.exceptions.RequestEntityTooLarge: 413, its Content-Length says so before it is read.
    """
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise Problem(415, "Send the body uncompressed, without Content-Encoding.")
    body = request.get_data()
    if request.content_length is None and len(body) >= (request.max_content_length or math.inf):
        raise Problem(413)  # Werkzeug cuts a chunked body there without a word
    try:
        return strict_json.loads(body)
    except strict_json.BrokenJson as error:
        raise Problem(400, str(error)) from None


def read_optional_json(default: Any) -> Any:
    """The same, or ``default`` where the request has no body."""
    return read_json() if request.get_data() else default
