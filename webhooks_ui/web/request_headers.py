"""Checks the headers of a request before anything reads them: addresses that are none, and the name of this site."""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, current_app, request
from werkzeug.exceptions import BadRequest
from werkzeug.sansio.utils import host_is_trusted

ADDRESSES = ("HTTP_REFERER", "HTTP_ORIGIN", "HTTP_HX_CURRENT_URL")
OPEN_TO_ANY_HOST = ("ops.healthz", "ops.readyz", "ops.metrics")  # probes ask for the address of a machine

NO_HOST = "host.invalid"  # RFC 2606, section 2: nobody has such a name
_LABEL = "[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST = re.compile(rf"({_LABEL}(\.{_LABEL})*\.?|\[[0-9a-f:.]+\])(:[0-9]{{1,5}})?", re.IGNORECASE)


class WrongHost(BadRequest):
    """The request is not for this site. The description is a sentence for people."""


def register(app: Flask) -> None:
    # Before all other checks, which read these headers.
    app.before_request_funcs.setdefault(None, []).insert(0, check)
    app.wsgi_app = _with_usable_host(app.wsgi_app)  # type: ignore[method-assign]


def _with_usable_host(application: Callable[..., Iterable[bytes]]) -> Callable[..., Iterable[bytes]]:
    """Return an application that gets no host that Flask can't make addresses for. An error page needs addresses."""

    def serve(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if not environ.get("HTTP_HOST", "-"):
            del environ["HTTP_HOST"]
        elif "HTTP_HOST" in environ and not is_host(environ["HTTP_HOST"]):
            environ["HTTP_HOST"] = NO_HOST
        return application(environ, start_response)

    return serve


def check() -> None:
    """Drop addresses that can't be parsed, as if they had not been sent.

    Raises:
        WrongHost: The host is no host name, or it is not in ALLOWED_HOSTS.
    """
    for name in ADDRESSES:
        if name in request.environ and not _is_address(request.environ[name]):
            del request.environ[name]
    if request.host == NO_HOST:
        raise WrongHost("The Host of the request is not a host name.")
    if request.endpoint not in OPEN_TO_ANY_HOST and not is_ours(request.host, current_app.config["ALLOWED_HOSTS"]):
        raise WrongHost("This server doesn't answer for that host name. The operator can add it to ALLOWED_HOSTS.")


def is_host(text: str) -> bool:
    """Return True if ``text`` is the name or address of a host, perhaps with a port."""
    return len(text) < 260 and _HOST.fullmatch(text) is not None


def is_ours(host: str, allowed: Sequence[str]) -> bool:
    """Return True if this site answers for ``host``. Without ``allowed`` ones, it does for all."""
    return not allowed or host_is_trusted(host.lower(), allowed)


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.port != 0 and text.isprintable()
    except ValueError:
        return False
