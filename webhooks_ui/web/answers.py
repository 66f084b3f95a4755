"""The answers of views: a page or a fragment of it, and redirects."""

from urllib.parse import urlsplit

from flask import Response, make_response, redirect, render_template, request, url_for
from werkzeug.urls import iri_to_uri
from werkzeug.wrappers import Response as BaseResponse

PRINTED_MAX = 1_000


def wants_fragment() -> bool:
    """Return True if HTMX asked for the fragment alone. A boosted link or a page of its history is a whole page."""
    headers = request.headers
    return "HX-Request" in headers and "HX-Boosted" not in headers and "HX-History-Restore-Request" not in headers


def render(page: str, fragment: str, status: int = 200, **context: object) -> Response:
    """Answer HTMX with ``fragment``, and others with ``page``, which includes the fragment."""
    response = make_response(render_template(fragment if wants_fragment() else page, **context), status)
    response.vary.update(["HX-Request", "HX-History-Restore-Request"])
    return response


def wants_print() -> bool:
    """Return True if the address asks for all rows of a list in a plain table for paper, at most ``PRINTED_MAX``."""
    return request.args.get("print") == "1"


def shorten_address(response: Response, form: str, address: str) -> Response:
    """Put ``address`` into the address bar of the browser if the form with the id ``form`` was sent.

    A form also sends its empty fields. ``address`` is the same without them.
    """
    if request.headers.get("HX-Trigger") == form:
        response.headers["HX-Replace-Url"] = address
    return response


def go(address: str, *, leave: bool = False) -> BaseResponse:
    """Send the browser to another page.

    Args:
        leave: a boosted form leaves its page, too. Else it would show parts of the other page at its own address.
    """
    if wants_fragment() or (leave and "HX-Request" in request.headers):
        return make_response("", 200, {"HX-Redirect": iri_to_uri(address)})  # a header has no room for other letters
    return redirect(address, 303)


def go_back() -> BaseResponse:
    """Send the browser back to the page of this site that it came from, else to the list of webhooks."""
    return go(came_from())


def came_from() -> str:
    """Return the path of the page of this site that the browser came from, else that of the list of webhooks."""
    origin = urlsplit(request.referrer or "")
    path = f"{origin.path}?{origin.query}" if origin.query else origin.path
    return safe_next(path if origin.netloc == request.host else None)


def safe_next(target: str | None) -> str:
    """Return ``target`` if it is a path of this site, else the path of the list of webhooks."""
    home = url_for("webhooks.index")
    if not target or not target.startswith("/") or target.startswith("//"):
        return home
    if "\\" in target or any(ord(character) < 0x20 for character in target):
        return home  # browsers drop tabs and line ends, and read a backslash as a slash
    return target
