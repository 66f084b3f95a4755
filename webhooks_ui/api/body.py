"""Reads the JSON body of a request."""

from collections.abc import Callable
from typing import Any

from flask import request

from webhooks_ui.events import strict_json
from webhooks_ui.events.check import EVENT_MAX_BYTES
from webhooks_ui.web.problem import Problem, field_error

# Of one event, as it came. It isn't sent with the white space around its fields, so that there may be some.
ONE_EVENT_MAX_BYTES = 2 * EVENT_MAX_BYTES
BODY_MAX_BYTES = 512 * 1024  # of all requests but publications. To read 8 MiB takes many seconds


def read_json(
    load: Callable[[bytes], Any] = strict_json.loads_with_integers, max_bytes: int | None = BODY_MAX_BYTES
) -> Any:
    """Return the value in the request's body. Ignore its Content-Type.

    Args:
        load: makes a value out of the bytes.
        max_bytes: what the body may have. With None, it is what a request may have.

    Raises:
        Problem: 400 if the body isn't strict JSON, 413 if it is too large, 415 if it is compressed.
        werkzeug.exceptions.RequestEntityTooLarge: 413 if the Content-Length is too large.
    """
    codings = request.headers.get("Content-Encoding", "").lower().split(",")
    if any(coding.strip() not in ("", "identity") for coding in codings):
        raise Problem(415, "Send the body uncompressed, without Content-Encoding.")
    body = request.get_data()
    is_full = request.content_length is None and len(body) == request.max_content_length
    if is_full and request.environ["wsgi.input"].read(1):
        raise Problem(413)  # Werkzeug silently cuts a chunked body at the limit
    if max_bytes is not None and len(body) > max_bytes:
        raise Problem(413, f"The body has {len(body):,} bytes. At most {max_bytes:,} are allowed at this address.")
    try:
        return load(body)
    except strict_json.BrokenJson as error:
        raise Problem(400, str(error)) from None


def read_events() -> Any:
    """Return an event or events in the request's body: see ``strict_json.load_members``.

    Raises:
        Problem: as ``read_json``, or 413 if one event is so large that reading it would be in vain.
    """
    return read_json(_load_events, max_bytes=None)


def _load_events(body: bytes) -> Any:
    event = body.removeprefix(strict_json.BYTE_ORDER_MARK).strip()
    if len(event) > ONE_EVENT_MAX_BYTES and not event.startswith(b"["):
        message = f"The event has {len(event):,} bytes. At most {EVENT_MAX_BYTES:,} are allowed."
        raise Problem(413, message, [field_error("", message)])
    return strict_json.load_members(body)


def read_object(load: Callable[[bytes], Any] = strict_json.loads_with_integers) -> Any:
    """Return the value in the request's body as ``read_json`` does, or an empty object for a request without a body."""
    return read_json(load) if request.get_data() else {}


def refuse_fields() -> None:
    """Refuse a body that says something, at an address that takes no fields. No body, and an empty object, are fine.

    Raises:
        Problem: 422 with one entry per field, or as ``read_json``.
    """
    body = read_object()
    if body == {}:
        return
    names = [strict_json.shortened(name) for name in body] if isinstance(body, dict) else [""]
    errors = [field_error(name, "Send no body, or an empty object.") for name in names]
    raise Problem(422, "This address takes no fields: see errors.", errors)
