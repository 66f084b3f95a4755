"""Answers to a change: where the browser goes next, with HTMX and without."""

from urllib.parse import urlsplit

from flask import make_response, redirect, request
from werkzeug.wrappers import Response

from webhooks_ui.access import safe_next
from webhooks_ui.htmx import wants_fragment


def go(address: str) -> Response:
    """Send the browser to another page."""
    if wants_fragment():
        return make_response("", 200, {"HX-Redirect": address})
    return redirect(address, 303)


def go_back() -> Response:
    """Send the browser to the page of ours it came from, else to the webhooks."""
    return go(came_from())


def came_from() -> str:
    """The page of ours that the browser came from, else the webhooks."""
    try:
        origin = urlsplit(request.referrer or "")
    except ValueError:  # whoever wrote it, it is no address
        return safe_next(None)
    path = f"{origin.path}?{origin.query}" if origin.query else origin.path
    return safe_next(path if origin.netloc == request.host else None)
