"""Response headers that restrict what a browser may do with an answer."""

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
    "Cache-Control": "no-store",
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
    """Add the headers that the answer doesn't have yet. Assets say themselves that they may be cached."""
    has = {name.lower() for name, _ in response.headers}
    for name, value in wanted(request.is_secure).items():
        if name.lower() not in has:
            response.headers.add(name, value)
    return response


def wanted(is_secure: bool) -> dict[str, str]:
    """Return the headers of an answer.

    Args:
        is_secure: the client has asked by https.
    """
    return HEADERS | ({"Strict-Transport-Security": "max-age=31536000"} if is_secure else {})
