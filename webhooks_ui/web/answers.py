"""What a view answers with: a page or a fragment of it, and where the browser goes next."""

from urllib.parse import urlsplit

from flask import Response, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse


def wants_fragment() -> bool:
    """Return True if HTMX asked for the fragment alone: not for a boosted link, nor when it restores its history."""
    headers = request.headers
    return "HX-Request" in headers and "HX-Boosted" not in headers and "HX-History-Restore-Request" not in headers


def render(page: str, fragment: str, status: int = 200, **context: object) -> Response:
    """One URL, one view, two sizes: answer HTMX with ``fragment``, and others with ``page``, which includes it."""
    response = make_response(render_template(fragment if wants_fragment() else page, **context), status)
    response.vary.update(["HX-Request", "HX-History-Restore-Request"])
    return response


def shorten_address(response: Response, form: str, address: str) -> Response:
    """Put ``address`` into the browser's address bar if the form with the id ``form`` was sent.

    A form names its empty fields too. The address bar gets the short form.
    """
    if request.headers.get("HX-Trigger") == form:
        response.headers["HX-Replace-Url"] = address
    return response


def go(address: str) -> BaseResponse:
    """Send the browser to another page."""
    if wants_fragment():
        return make_response("", 200, {"HX-Redirect": address})
    return redirect(address, 303)


def go_back() -> BaseResponse:
    """Send the browser to the page of ours that it came from, else to the webhooks."""
    return go(came_from())


def came_from() -> str:
    """Return the path of the page of ours that the browser came from, else that of the webhooks."""
    try:
        origin = urlsplit(request.referrer or "")
    except ValueError:  # whoever wrote it, it is no address
        return safe_next(None)
    path = f"{origin.path}?{origin.query}" if origin.query else origin.path
    return safe_next(path if origin.netloc == request.host else None)


def safe_next(target: str | None) -> str:
    """Return ``target`` if it is a path of this site, else the path of the webhooks."""
    home = url_for("webhooks.index")
    if not target or not target.startswith("/") or target.startswith("//"):
        return home
    if "\\" in target or any(ord(character) < 0x20 for character in target):
        return home  # browsers drop tabs and line ends, and read a backslash as a slash
    return target
