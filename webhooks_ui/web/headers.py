"""Response headers that restrict what a browser may do with an answer."""

from collections.abc import Iterator

from flask import Flask, Response, request

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)

HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",  # not no-referrer, because over https the CSRF check needs our own
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


def register(app: Flask) -> None:
    app.after_request(set_headers)


def set_headers(response: Response) -> Response:
    """Add the headers that the answer doesn't have yet. Only assets may be cached."""
    has = {name.lower() for name, _ in response.headers}
    for name, value in _wanted():
        if name.lower() not in has:
            response.headers.add(name, value)
    return response


def _wanted() -> Iterator[tuple[str, str]]:
    yield from HEADERS.items()
    if request.endpoint != "asset":
        yield "Cache-Control", "no-store"
    if request.is_secure:
        yield "Strict-Transport-Security", "max-age=31536000"
