"""The headers of the API's answers, as its description has them."""

from webhooks_ui.api.schema_parts import Schema

REQUEST_ID = "X-Request-Id"
RATE = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")
OF_STATUS = {401: ("WWW-Authenticate",), 403: ("WWW-Authenticate",), 429: ("Retry-After",), 503: ("Retry-After",)}


def _number(description: str) -> Schema:
    return {"description": description, "schema": {"type": "integer"}}


def _text(description: str) -> Schema:
    return {"description": description, "schema": {"type": "string"}}


HEADERS: dict[str, Schema] = {
    REQUEST_ID: _text("The id of the request in the log: yours, if the request has one in this header."),
    "X-RateLimit-Limit": _number("How many requests the key may make in a minute."),
    "X-RateLimit-Remaining": _number("How many of them are left in this minute."),
    "X-RateLimit-Reset": _number("When the next minute begins, in Unix seconds."),
    "Retry-After": _number("Seconds to wait."),
    "WWW-Authenticate": _text("How to send a key, or the scope that it lacks."),
}


def headers_of(status: int, keyed: bool) -> Schema:
    """Return the headers of an answer.

    Args:
        keyed: Whether its request needs a key. If the key is valid, the answer says what is left of its rate.
    """
    rate = RATE if keyed and status != 401 else ()
    return {name: {"$ref": f"#/components/headers/{name}"} for name in (REQUEST_ID, *rate, *OF_STATUS.get(status, ()))}


def location_of(what: str) -> Schema:
    """Return the header that leads to what a request made."""
    schema = {"type": "string", "format": "uri-reference"}
    return {"Location": {"description": f"The address of the {what}.", "required": True, "schema": schema}}
