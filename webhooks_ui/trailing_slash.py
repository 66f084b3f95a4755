"""An address with a slash too many at its end leads to the page that is meant."""

from flask import Flask, current_app, redirect, request
from werkzeug.exceptions import HTTPException, NotFound
from werkzeug.wrappers import Response

PERMANENTLY = 308


def register(app: Flask) -> None:
    # First of all: whether somebody may open the page is asked at its own address.
    app.before_request_funcs.setdefault(None, []).insert(0, drop)


def drop() -> Response | None:
    """Redirect to the same address without the slash, where there is something."""
    path = request.path.rstrip("/")
    if not isinstance(request.routing_exception, NotFound) or path == request.path:
        return None
    try:
        current_app.url_map.bind("").match(path, request.method)
    except HTTPException:
        return None
    query = request.query_string.decode("latin-1")
    return redirect(f"{request.script_root}{path}?{query}".rstrip("?"), PERMANENTLY)
