"""The JSON body of a request."""

from typing import Any

from flask import request

from webhooks_ui import strict_json
from webhooks_ui.api.problem import Problem


def read_json() -> Any:
    """The value that the request carries, whatever its Content-Type says.

    Raises:
        Problem: 400, it is no strict JSON; 415, it is compressed.
        werkzeug.exceptions.RequestEntityTooLarge: 413, it has over ``MAX_CONTENT_LENGTH`` bytes.
    """
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise Problem(415, "Send the body uncompressed, without Content-Encoding.")
    try:
        return strict_json.loads(request.get_data())
    except strict_json.BrokenJson as error:
        raise Problem(400, str(error)) from None


def read_optional_json(default: Any) -> Any:
    """The same, or ``default`` where the request has no body."""
    return read_json() if request.get_data() else default
