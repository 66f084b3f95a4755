"""The answers that the web server gives by itself, to requests that never reach the application."""

from functools import cache
from http import HTTPStatus

from gunicorn.http import errors
from markupsafe import escape

from webhooks_ui.web import problem, request_log
from webhooks_ui.web.headers import HEADERS

DETAILS = {
    400: "The request is not valid HTTP.",
    408: "The request didn't arrive in time. Send it again.",
    413: "The request is too large. The limits are 8 MiB and 16,384 chunks.",
    414: "The address is too long. Send fewer or shorter filters.",
    417: "Only 100-continue can be expected.",
    431: "The headers are too large. Send fewer. In a browser, delete the cookies of this site.",
    500: "Something went wrong on our side. It was logged.",
    501: "The only transfer coding for a request is chunked.",
    503: "Too much is being sent to us right now. Try again in a few seconds.",
}
_STATUSES: tuple[tuple[type[Exception], int], ...] = (
    (errors.InvalidResponseHeader, 500),
    (errors.InvalidResponseHeaderName, 500),
    (errors.LimitRequestLine, 414),
    (errors.LimitRequestHeaders, 431),
    (errors.UnsupportedTransferCoding, 501),
    (errors.ExpectationFailed, 417),
    (errors.ConfigurationProblem, 500),
    (errors.ParseException, 400),
)
# As templates/errors/failure.html looks. No template is rendered, because the answer must cost next to nothing.
_PAGE = """<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>{title} · KeyManager</title>
  <meta name="color-scheme" content="light dark">
  <link rel="icon" href="/assets/favicon.svg" type="image/svg+xml">
  <link rel="stylesheet" href="/assets/app.css">
</head>
<body>
<main id="main" class="bare">
<div class="empty-state">
  <p class="error-code">{status}</p>
  <h1>{title}</h1>
  <p class="muted">{detail}</p>
  <div class="actions"><a class="button primary" href="/">Go to Webhooks</a></div>
</div>
</main>
</body>
</html>
"""


def status_for(error: BaseException) -> int:
    """Return the status for an error of gunicorn's parser, or 500 for any other error."""
    return next((status for kind, status in _STATUSES if isinstance(error, kind)), 500)


def refusal(status: int, request: bytes, request_id: str) -> bytes:
    """Return the answer with ``status`` to a request that begins with ``request``. It closes the connection.

    An address of the API gets a problem document, any other a page.
    """
    parts = request.split(b" ", 2)
    head, body = _answer(status, for_program=len(parts) > 1 and parts[1].startswith(b"/api/"))
    return f"{head}\r\n{request_log.HEADER}: {request_id}\r\n\r\n".encode("latin-1") + body


@cache
def _answer(status: int, for_program: bool) -> tuple[str, bytes]:
    """Return the head but for its end, and the body."""
    if for_program:
        document = problem.respond(problem.Problem(status, DETAILS[status]))
        content_type, body = problem.CONTENT_TYPE, document.get_data()
    else:
        page = _PAGE.format(status=status, title=escape(HTTPStatus(status).phrase), detail=escape(DETAILS[status]))
        content_type, body = "text/html; charset=utf-8", page.encode()
    headers = HEADERS | {"Content-Type": content_type, "Content-Length": str(len(body))}
    headers |= {"Connection": "close"} | ({"Retry-After": "5"} if status == 503 else {})
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", *(f"{name}: {text}" for name, text in headers.items())]
    return "\r\n".join(lines), body
