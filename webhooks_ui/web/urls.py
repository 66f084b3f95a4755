"""How addresses are read and made: ids of rows, texts, and slashes too many."""

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from flask import Flask, current_app, redirect, request, url_for
from werkzeug.exceptions import HTTPException, NotFound
from werkzeug.routing import BaseConverter, IntegerConverter
from werkzeug.wrappers import Response

from webhooks_ui.parsing import ID_MAX

PERMANENTLY = 308
_SLASHES = re.compile("/{2,}")


class RowIdConverter(IntegerConverter):
    """``<int:…>`` for the id of a row, in one way of writing. One that is too large is a 404 and no overflow."""

    regex = "[1-9][0-9]*"

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **{"max": ID_MAX} | options)


class TextConverter(BaseConverter):
    """``<…>`` for a text such as a name or a token. One with a control character is a 404.

    Nothing of ours has such a name, and PostgreSQL can't even look for a NUL.
    """

    regex = r"[^/\x00-\x1f\x7f-\x9f]+"
    part_isolating = True


def register(app: Flask) -> None:
    app.url_map.converters |= {"int": RowIdConverter, "default": TextConverter, "string": TextConverter}
    # Before the check of roles, which then happens at the address without the slash.
    app.before_request_funcs.setdefault(None, []).insert(0, drop_trailing_slash)
    app.before_request_funcs[None].insert(0, merge_slashes)
    app.before_request_funcs[None].insert(0, refuse_encoded_slashes)


def addresses(endpoint: str, name: str) -> Callable[[int], str]:
    """Return a function that gives the address of ``endpoint`` for an id.

    The rows of a list need a hundred addresses, and ``url_for`` takes a tenth of the page's time for them.

    Args:
        name: of the id in the address, such as ``webhook_id``.
    """
    values: dict[str, Any] = {name: ID_MAX}
    before, _, after = url_for(endpoint, **values).rpartition(str(ID_MAX))
    return lambda id: f"{before}{id}{after}"


def refuse_encoded_slashes() -> None:
    """Refuse an address whose path has a slash as ``%2F``, which isn't a slash (RFC 3986, sections 2.2 and 6.2.2.2).

    WSGI decodes it, and a proxy's rule for ``/api/`` may not hold for ``/api%2Fv1/events``. No name of ours has one.

    Raises:
        NotFound: It has one.
    """
    sent = request.environ.get("RAW_URI", "")  # of gunicorn and Werkzeug, as the client sent it
    if "%2f" in sent.partition("?")[0].lower():
        raise NotFound


def merge_slashes() -> Response | None:
    """Redirect a page's reader to the address without empty segments. The redirect names no host.

    A proxy's rule for ``/api/`` doesn't hold for ``//api/v1/events``, so nothing is there.

    Raises:
        NotFound: The request is none for a page.
    """
    if "//" not in request.environ["PATH_INFO"]:
        return None
    if request.method not in ("GET", "HEAD") or _is_of_api():
        raise NotFound
    return _redirect(_SLASHES.sub("/", request.path))


def drop_trailing_slash() -> Response | None:
    """Redirect to the same address without the slash at its end, if there is a page."""
    path = request.path.rstrip("/")
    if not isinstance(request.routing_exception, NotFound) or path == request.path or _is_of_api():
        return None
    try:
        current_app.url_map.bind("").match(path, request.method)
    except HTTPException:
        return None
    return _redirect(path)


def _is_of_api() -> bool:
    """Return True if a program asks, for which a redirect is no answer."""
    return _SLASHES.sub("/", request.path).startswith("/api/")


def _redirect(path: str) -> Response:
    query = request.query_string.decode("latin-1")
    return redirect(f"{request.script_root}{quote(path)}?{query}".rstrip("?"), PERMANENTLY)
