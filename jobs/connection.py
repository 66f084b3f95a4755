"""Connections of the sender: the host is resolved once, vetted, and that very address is connected to."""

import contextlib
import http.client
import ipaddress
import os
import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import certifi
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.util import Url

from jobs.deadline import DeadlineSocket, DeadlineTlsSocket, deadline
from webhooks_ui.targets import Address, Network, is_allowed

HOSTS_KEPT = 512  # connection pools, least recently used out first


class BlockedAddress(Exception):
    """The host leads to an address that no delivery may go to."""


class NameNotResolved(Exception):
    """The host name has no address."""


_lookups = ThreadPoolExecutor(16, thread_name_prefix="resolve")  # getaddrinfo knows no timeout


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
    answered = False  # the head of the present exchange's answer came
    body = b""
    pool: Any
    close: Callable[[], None]

    def _new_conn(self) -> socket.socket:
        error: OSError | None = None
        for address in _resolve(self._dns_host.rstrip("."), self.port, self.scheme, self.allowed):  # type: ignore[attr-defined]
            family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
            sock = DeadlineSocket(family, socket.SOCK_STREAM)
            try:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                sock.settimeout(deadline.left())
                self.peer = _shown(address, self.port)
                sock.connect((str(address), self.port))
            except OSError as failure:
                sock.close()
                error = failure
            else:
                return sock
        raise error or NameNotResolved(self.host)

    def exchange(self, target: str, headers: Mapping[str, str], body: bytes) -> http.client.HTTPResponse:
        """POST ``body``; the answer, whose body is still to be read.

        By http.client alone: what urllib3 and requests put around it takes as long again, for cookies, redirects and
        retries that no delivery has.
        """
        self.reused, self.answered, self.body = self.sock is not None, False, body
        plain: Any = self
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # there may be an answer all the same
            http.client.HTTPConnection.request(plain, "POST", target, headers=headers)
        response = http.client.HTTPConnection.getresponse(plain)
        self.answered = True
        return response

    def send(self, data: Any) -> None:
        """Send the head, and in one go with it the body: http.client would take two."""
        super().send(data + self.body)  # type: ignore[misc]


class VettedConnection(Vetted, HTTPConnection):
    scheme = "http"


class VettedTlsConnection(Vetted, HTTPSConnection):
    scheme = "https"

    def connect(self) -> None:
        super().connect()
        cipher = self.sock.cipher()
        self.tls = f"{self.sock.version()} {cipher[0] if cipher else ''}".strip()


class VettedAdapter(HTTPAdapter):
    """An ``HTTPAdapter`` whose connections go to vetted addresses only, and keep to the thread's deadline.

    Args:
        allowed: networks that may be targets although private, and by plain http.
        connections: kept open per host.
    """

    def __init__(self, allowed: Sequence[Network], connections: int) -> None:
        self.allowed = allowed
        self.tls_context = tls_context()
        super().__init__(pool_connections=HOSTS_KEPT, pool_maxsize=connections)

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
        context = {"ssl_context": self.tls_context} if url.scheme == "https" else {}
        pool: Any = self.poolmanager.connection_from_host(url.host, url.port, url.scheme, context)
        connection: Vetted = pool._get_conn()
        connection.pool = pool
        return connection

    def keep(self, connection: Vetted) -> None:
        """Take back a connection of ``take``, for the next exchange."""
        connection.pool._put_conn(connection)


def tls_context() -> ssl.SSLContext:
    """Verifies certificates against the system's authorities, certifi's, and those in ``REQUESTS_CA_BUNDLE``."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    if bundle := os.environ.get("REQUESTS_CA_BUNDLE"):
        context.load_verify_locations(bundle)
    context.sslsocket_class = DeadlineTlsSocket
    return context


def _resolve(host: str, port: int, scheme: str, allowed: Sequence[Network]) -> list[Address]:
    """The addresses of ``host``, if each of them may be a target.

    Raises:
        NameNotResolved: it has none.
        BlockedAddress: one of them may not be: a public name that also leads inside is an attack, or a mistake.
        TimeoutError: the resolver didn't answer before the deadline.
    """
    try:
        found = _lookups.submit(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM).result(deadline.left())
    except (socket.gaierror, UnicodeError) as error:
        raise NameNotResolved(str(error)) from error
    addresses = list(dict.fromkeys(ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found))
    for address in addresses:
        if not is_allowed(address, scheme, allowed):
            raise BlockedAddress(f"{host} leads to {address}")
    return addresses


def _shown(address: Address, port: int) -> str:
    return f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"
