"""Page or fragment, and the announcer."""

from flask import Response, make_response, render_template, request


def wants_fragment() -> bool:
    """Whether HTMX asked for the fragment alone: not for a boosted link, nor when it restores its history."""
    headers = request.headers
    return "HX-Request" in headers and "HX-Boosted" not in headers and "HX-History-Restore-Request" not in headers


def render(page: str, fragment: str, status: int = 200, **context: object) -> Response:
    """One URL, one view, two sizes: ``fragment`` for HTMX, else ``page``, which includes it."""
    response = make_response(render_template(fragment if wants_fragment() else page, **context), status)
    response.vary.update(["HX-Request", "HX-History-Restore-Request"])
    return response
