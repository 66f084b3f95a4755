"""Takes the client's address, the scheme and the host from the headers of the proxies that TRUSTED_PROXIES names.

A server that listens on ``::`` sees IPv4 clients as ``::ffff:203.0.113.9`` (RFC 4291, 2.5.5.2). The app sees them as
``203.0.113.9``, since limits and networks are about that address.
"""

import ipaddress
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from webhooks_ui.configuration.values import Network

Environ = dict[str, Any]
MAPPED = "::ffff:"  # how an IPv4 address begins that is written as one of IPv6
FOR, PROTO, HOST = "HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_PROTO", "HTTP_X_FORWARDED_HOST"


def register(app: Flask) -> None:
    """Put the proxies before the app."""
    app.wsgi_app = behind_proxies(app.wsgi_app, app.config["TRUSTED_PROXIES"])  # type: ignore[method-assign]


def behind_proxies(
    application: Callable[..., Iterable[bytes]], trusted: int | Sequence[Network]
) -> Callable[..., Iterable[bytes]]:
    """Return a WSGI application that sees what the ``trusted`` proxies tell. Without them, no such header counts."""
    return with_plain_peer(TrustedProxies(application, trusted) if trusted else application)


def with_plain_peer(application: Callable[..., Iterable[bytes]]) -> Callable[..., Iterable[bytes]]:
    """Return a WSGI application that sees IPv4 clients by their IPv4 addresses."""

    def answer(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        peer = environ.get("REMOTE_ADDR", "")
        if peer.startswith(MAPPED):
            environ["REMOTE_ADDR"] = _address(peer)
        return application(environ, start_response)

    return answer


class TrustedProxies:
    """A WSGI application in front of ``application``.

    Args:
        trusted: How many proxies there are, or the networks that they are in. With networks, the headers of a request
            count only if it comes from one of them.
    """

    def __init__(self, application: Callable[..., Iterable[bytes]], trusted: int | Sequence[Network]) -> None:
        self._application = application
        self._trusted = trusted
        self._fixed = ProxyFix(application, x_for=1, x_proto=1, x_host=1)

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        count = self._trusted if isinstance(self._trusted, int) else self._count(environ)
        if not count:
            return self._application(environ, start_response)
        self._keep_what_counts(environ, count)
        return self._fixed(environ, start_response)

    def _keep_what_counts(self, environ: Environ, count: int) -> None:
        """Replace the list in each header by the value that counts.

        ``ProxyFix`` reads quotes in a list. One that the client opens would hide what the proxies add behind it.
        """
        if FOR in environ:
            values = _values(environ, FOR)
            client = _address(values[-count]) if len(values) >= count else ""
            environ[FOR] = client or environ.get("REMOTE_ADDR", "")
        # Proxies add their client's address to a list. Not all of them add the scheme and the host.
        for name in (PROTO, HOST):
            if values := _values(environ, name):
                environ[name] = values[-min(count, len(values))]
        if environ.get(PROTO) not in ("http", "https"):
            environ.pop(PROTO, None)

    def _count(self, environ: Environ) -> int:
        """Return how many proxies the request came through, from the nearest one on, as long as they are trusted."""
        chain = [environ.get("REMOTE_ADDR", ""), *reversed(_values(environ, FOR))]
        count = 0
        while count < len(chain) - 1 and self._is_trusted(chain[count]):
            count += 1
        return count

    def _is_trusted(self, text: str) -> bool:
        address = _address(text)
        assert not isinstance(self._trusted, int)  # noqa: S101 (only networks are asked)
        return bool(address) and any(ipaddress.ip_address(address) in network for network in self._trusted)


def _values(environ: Environ, name: str) -> list[str]:
    return [value.strip() for value in environ.get(name, "").split(",") if value.strip()]


def _address(text: str) -> str:
    """Return the IP address in ``text``, or an empty text. Some proxies add a port to it, or write IPv4 as IPv6."""
    text = text.strip()
    for candidate in (text, text.removeprefix("[").partition("]")[0], text.rpartition(":")[0]):
        try:
            address = ipaddress.ip_address(candidate.partition("%")[0])
        except ValueError:
            continue
        return str(getattr(address, "ipv4_mapped", None) or address)
    return ""
