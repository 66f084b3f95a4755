"""How addresses are read: ids of rows, texts, and a slash at the end."""

from typing import Any
from urllib.parse import urlsplit

from flask import Flask, current_app, redirect, request
from werkzeug.exceptions import HTTPException, NotFound
from werkzeug.routing import BaseConverter, IntegerConverter, RequestRedirect
from werkzeug.wrappers import Response

from webhooks_ui.parsing import ID_MAX

PERMANENTLY = 308


class RowIdConverter(IntegerConverter):
    """``<int:…>`` for the id of a row. A number that is too large for an id is a 404 and no overflow."""

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
    app.before_request_funcs[None].insert(0, stay_on_this_host)


def stay_on_this_host() -> Response | None:
    """Redirect without naming a host where Werkzeug would name the one that the request has, which may be foreign."""
    wanted = request.routing_exception
    if not isinstance(wanted, RequestRedirect):
        return None
    parts = urlsplit(wanted.new_url)
    return redirect(f"/{parts.path.lstrip('/')}?{parts.query}".rstrip("?"), wanted.code)


def drop_trailing_slash() -> Response | None:
    """Redirect to the same address without the slash at its end, if there is a page."""
    path = request.path.rstrip("/")
    if not isinstance(request.routing_exception, NotFound) or path == request.path:
        return None
    try:
        current_app.url_map.bind("").match(path, request.method)
    except HTTPException:
        return None
    query = request.query_string.decode("latin-1")
    return redirect(f"{request.script_root}{path}?{query}".rstrip("?"), PERMANENTLY)
