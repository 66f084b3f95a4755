"""Connections of the sender: the host is resolved once, vetted, and that very address is connected to."""

import contextlib
import http.client
import os
import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import certifi
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.util import Url

from jobs.transport.answer import Answer
from jobs.transport.deadline import DeadlineSocket, DeadlineTlsSocket, deadline
from jobs.transport.idle import IdleConnections
from jobs.transport.resolve import NameNotResolved, resolve
from webhooks_ui.webhooks.destination import Address
from webhooks_ui.webhooks.targets import Network, is_allowed

HOSTS_KNOWN = 512
IDLE_FACTOR = 4  # times the requests in flight: connections kept open, over all hosts
IDLE_SECONDS = 30.0
HEAD_MAX_BYTES = 64 * 1024
BODY_MAX_BYTES = 256 * 1024  # received of a body of which the first 10 KiB are wanted, chunked or compressed as it is


class BlockedAddress(Exception):
    """The host leads to an address that no delivery may go to."""


class Vetted:
    """What both kinds of connection share: how they reach their peer, and one exchange with it."""

    scheme: str
    allowed: Sequence[Network] = ()
    host: str
    port: int
    sock: Any
    peer: str | None = None
    tls: str | None = None
    reused = False  # by the present exchange
    body = b""
    close: Callable[[], None]
    connect: Callable[[], None]
    _stream: Any = None  # the socket of the present exchange

    @property
    def answered(self) -> bool:
        """Whether a byte of the present exchange's answer came."""
        return self._stream is not None and self._stream.received > 0

    def _new_conn(self) -> socket.socket:
        addresses = _vetted_addresses(self._dns_host.rstrip("."), self.port, self.scheme, self.allowed)  # type: ignore[attr-defined]
        error: OSError | None = None
        for tried, address in enumerate(addresses):
            family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
            sock = DeadlineSocket(family, socket.SOCK_STREAM)
            try:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                sock.settimeout(deadline.left() / (len(addresses) - tried))  # one that is silent leaves time for others
                self.peer = _shown(address, self.port)
                sock.connect((str(address), self.port))
            except OSError as failure:
                sock.close()
                error = failure
            else:
                return sock
        raise error or NameNotResolved(self.host)

    def exchange(self, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """POST ``body``; the answer, whose body is still to be read.

        By http.client alone: what urllib3 and requests put around it takes as long again, for cookies, redirects and
        retries that no delivery has.
        """
        self.reused, self.body, self._stream = self.sock is not None, body, None
        if self.sock is None:
            self.connect()
        self._stream = stream = self.sock
        stream.received, stream.most = 0, HEAD_MAX_BYTES
        plain: Any = self
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # there may be an answer all the same
            http.client.HTTPConnection.request(plain, "POST", target, headers=headers)
        answer: Any = http.client.HTTPConnection.getresponse(plain)
        stream.most = stream.received + BODY_MAX_BYTES
        return answer  # type: ignore[no-any-return]

    def send(self, data: Any) -> None:
        """Send the head, and in one go with it the body: http.client would take two."""
        super().send(data + self.body)  # type: ignore[misc]


class VettedConnection(Vetted, HTTPConnection):
    scheme = "http"
    response_class = Answer


class VettedTlsConnection(Vetted, HTTPSConnection):
    scheme = "https"
    response_class = Answer

    def connect(self) -> None:
        super().connect()
        cipher = self.sock.cipher()
        self.tls = f"{self.sock.version()} {cipher[0] if cipher else ''}".strip()


class VettedAdapter(HTTPAdapter):
    """An ``HTTPAdapter`` whose connections go to vetted addresses only, and keep to the thread's deadline.

    Args:
        allowed: networks that may be targets although private, and by plain http.
        in_flight: requests at a time; a few times as many connections are kept open between requests.
    """

    def __init__(self, allowed: Sequence[Network], in_flight: int) -> None:
        self.allowed = allowed
        self.tls_context = tls_context()
        self._idle = IdleConnections(IDLE_FACTOR * in_flight, IDLE_SECONDS)
        super().__init__(pool_connections=HOSTS_KNOWN, pool_maxsize=1)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        plain = type("Plain", (VettedConnection,), {"allowed": self.allowed})
        secure = type("Secure", (VettedTlsConnection,), {"allowed": self.allowed})
        self.poolmanager.pool_classes_by_scheme = {
            "http": type("PlainPool", (HTTPConnectionPool,), {"ConnectionCls": plain}),
            "https": type("SecurePool", (HTTPSConnectionPool,), {"ConnectionCls": secure}),
        }

    def take(self, url: Url) -> Vetted:
        """A connection to the host of ``url``: a kept one, or one that connects when it is used."""
        kept: Vetted | None = self._idle.take((url.scheme, url.host, url.port))
        if kept is not None:
            return kept
        context = {"ssl_context": self.tls_context} if url.scheme == "https" else {}
        pool: Any = self.poolmanager.connection_from_host(url.host, url.port, url.scheme, context)
        new: Vetted = pool._new_conn()
        return new

    def keep(self, url: Url, connection: Vetted) -> None:
        """Take back a connection of ``take``, for the next exchange."""
        self._idle.keep((url.scheme, url.host, url.port), connection)


def tls_context() -> ssl.SSLContext:
    """Verifies certificates against the system's authorities, certifi's, and those in ``REQUESTS_CA_BUNDLE``."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    if bundle := os.environ.get("REQUESTS_CA_BUNDLE"):
        context.load_verify_locations(bundle)
    context.sslsocket_class = DeadlineTlsSocket
    return context


def _vetted_addresses(host: str, port: int, scheme: str, allowed: Sequence[Network]) -> list[Address]:
    """The addresses of ``host``, if each of them may be a target.

    Raises:
        NameNotResolved: it has none.
        BlockedAddress: one of them may not be: a public name that also leads inside is an attack, or a mistake.
        TimeoutError: the resolver didn't answer before the deadline.
    """
    addresses = resolve(host, port, deadline.left())
    for address in addresses:
        if not is_allowed(address, scheme, allowed):
            raise BlockedAddress(f"{host} leads to {address}")
    return addresses


def _shown(address: Address, port: int) -> str:
    return f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"
