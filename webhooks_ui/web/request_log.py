"""One line in the log and one count in the metrics for each request, and the id that tells its lines apart.

A caller may name its request with ``X-Request-Id``. Otherwise it gets a new id. The answer has it in the same header.
"""

import logging
import re
import secrets
import time
from typing import NamedTuple

from flask import Flask, Response, current_app, g, request

from webhooks_ui import audit, counting, logs
from webhooks_ui.counting import Counters, key_of, observation

HEADER = "X-Request-Id"
GIVEN_ID = re.compile(r"[A-Za-z0-9_.:/+=-]{1,64}")
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")  # others are counted together
QUIET = ("asset", "ops.healthz", "ops.readyz", "ops.metrics")  # endpoints that are asked all the time
NO_ROUTE = "(none)"
FIRST_SEGMENT = re.compile(r"/[^/]{0,40}")

logger = logging.getLogger(__name__)


class About(NamedTuple):
    """What the line of a request says."""

    method: str
    route: str
    path: str
    status: int
    seconds: float
    bytes: int | None  # of the answer
    client: str | None
    actor: str | None


def register(app: Flask) -> None:
    """Add the hooks, so that they see the request first and its answer last."""
    app.before_request_funcs.setdefault(None, []).insert(0, begin)
    app.after_request_funcs.setdefault(None, []).insert(0, end)  # Flask calls them from the last to the first
    app.teardown_request(forget)


def begin() -> None:
    """Name the request, and start its clock."""
    g.request_began = time.perf_counter()
    g.request_id = id_of(request.headers.get(HEADER, ""))
    logs.bind(request=g.request_id)
    if pulse := current_app.extensions.get("pulse"):
        pulse.start()


def id_of(given: str) -> str:
    """Return the id that the caller has given to its request, or a new one if that is none."""
    return given if GIVEN_ID.fullmatch(given) else f"req_{secrets.token_hex(8)}"


def end(response: Response) -> Response:
    """Count and log the request."""
    seconds = time.perf_counter() - g.get("request_began", time.perf_counter())
    if "request_id" in g:
        response.headers[HEADER] = g.request_id
    route = request.url_rule.rule if request.url_rule else NO_ROUTE
    method = request.method if request.method in METHODS else "other"
    counted(counting.of(current_app), method, route, response.status_code, seconds)
    level = logging.DEBUG if request.endpoint in QUIET and response.status_code < 500 else logging.INFO
    if logger.isEnabledFor(level):
        size = response.calculate_content_length()
        by = audit.present_actor() if "actor" in g else None
        about = About(method, route, shown_path(), response.status_code, seconds, size, request.remote_addr, by)
        write(level, about)
    return response


def counted(counters: Counters, method: str, route: str, status: int, seconds: float) -> None:
    """Count an answer for the metrics."""
    answer = "webhooks_http_requests", key_of((method, route, str(status)))
    took = observation("webhooks_http_request_duration_seconds", (route,), seconds)
    counters.add(dict([(answer, 1.0), *took]))


def write(level: int, about: About) -> None:
    """Write the line of a request."""
    extra = logs.ids(
        route=about.route,
        status=about.status,
        duration_ms=round(about.seconds * 1_000, 1),
        bytes=about.bytes,
        client=about.client,
        actor=about.actor,
    )
    logger.log(level, "%s %s %d", about.method, about.path, about.status, extra=extra)


def forget(_error: BaseException | None) -> None:
    """End the use of the request's id."""
    logs.unbind()


def shown_path() -> str:
    """Return the path for the log. Parts that may be secret, such as tokens in links, are left out."""
    if request.url_rule is None:
        first = FIRST_SEGMENT.match(request.path)
        return f"{first.group()}…" if first else "…"
    path = request.url_rule.rule
    for name, value in (request.view_args or {}).items():
        if isinstance(value, int):
            path = re.sub(rf"<(?:[^<>:]*:)?{re.escape(name)}>", str(value), path)
    return path
