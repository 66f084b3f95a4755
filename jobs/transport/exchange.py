"""Exchange: one request to an endpoint, and what came back."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

import pycurl

from webhooks_ui.webhooks.destination import Address, Destination

BROKEN_OFF = {pycurl.E_SEND_ERROR, pycurl.E_RECV_ERROR, pycurl.E_GOT_NOTHING}
PROXY_AUTHENTICATION_REQUIRED = 407
REQUEST_TIMEOUT = 408
CROSSING_SECONDS = 1.0  # within which an answer may have crossed with its request
_OF_ANSWER = ("status", "head", "head_bytes", "is_in_head", "head_is_over", "body", "is_coded", "is_cut")
_OF_END = ("error", "message", "complaint", "os_error", "proxy_status", "is_proxied", "socket")


class ClientCertificate(NamedTuple):
    """What a client shows to an endpoint that asks for it. Both are PEM."""

    certificate: bytes
    key: bytes


class Connection(NamedTuple):
    """What the log keeps of a connection."""

    peer: str  # IP address and port
    tls: str | None  # protocol and cipher. None over plain HTTP


@dataclass(slots=True, eq=False)
class Exchange:
    """One request and its answer, as far as it came.

    Args:
        key: tells its owner which one it is.
        seconds: for all of it, from the resolution of the name to the end of the answer.
    """

    key: Any
    target: Destination
    headers: Mapping[str, str]
    sent: bytes  # the body of the request
    seconds: float
    client_certificate: ClientCertificate | None = None
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    started: float = field(default_factory=time.monotonic)
    duration_ms: int = 0
    is_ended: bool = False
    addresses: Sequence[Address] = ()  # those that may be connected to, the best one first
    tried: list[Address] = field(default_factory=list)
    connection: Connection | None = None
    status: int | None = None  # of the final answer
    head: list[bytes] = field(default_factory=list)  # its lines
    head_bytes: int = 0  # of all heads, interim ones and trailers included
    is_in_head: bool = False  # a status line came, and not yet the empty line after it
    head_is_over: bool = False
    body: bytearray = field(default_factory=bytearray)  # its first bytes, as they came
    is_coded: bool = False  # the body is in chunks or compressed
    is_cut: bool = False  # we ended it, because no more is wanted of the body
    is_proxied: bool = False
    socket: int = -1  # that was opened for it
    tls: str | None = None  # of its own connection
    sendings: int = 0  # of the request, which libcurl repeats on a new connection
    sent_at: float = 0.0  # when it began to be sent the last time, on the monotonic clock
    is_named: bool = False  # the endpoint's certificate names its host
    is_unnamed: bool = False  # it doesn't, and that ended the exchange
    wants_certificate: bool = False  # the endpoint asked for a client certificate on a new connection
    wants_http_1: bool = False  # the endpoint refused it over HTTP/2, and takes it over HTTP/1.1
    alert: int | None = None  # of TLS, with which the endpoint ended it
    blocked: str = ""  # why no delivery may go there
    complaint: str = ""  # why we ended it
    error: int | None = None  # of libcurl
    message: str = ""  # likewise
    os_error: int = 0  # the error number of the system, for a connection that failed
    proxy_status: int = 0  # of the egress proxy's answer
    failure: Exception | None = None  # what isn't libcurl's

    def block(self, address: Address) -> None:
        """Take note that the host leads to ``address``, where no delivery may go."""
        self.blocked = f"{self.target.host} leads to {address}"

    def end(self) -> None:
        self.is_ended = True
        self.duration_ms = round((time.monotonic() - self.started) * 1_000)

    @property
    def was_stale(self) -> bool:
        """Whether the request went out once, on a kept connection, which ended before a byte came.

        ``Handle`` then kept libcurl from repeating it on another kept connection, or libcurl didn't repeat it, as it
        happens over HTTP/2. Some servers end an idle connection with 408, which may cross with the request, or come as
        its answer (RFC 9110, section 15.5.9).
        """
        is_over = self.error in BROKEN_OFF or (self.error == pycurl.E_ABORTED_BY_CALLBACK and not self.complaint)
        is_refused = self.status == REQUEST_TIMEOUT and time.monotonic() - self.sent_at < CROSSING_SECONDS
        return self.sendings == 1 and self.socket == -1 and (is_refused or (is_over and not self.head_bytes))

    @property
    def is_held_by_proxy(self) -> bool:
        """Whether the request got no further than the egress proxy, which has not connected it."""
        return self.is_proxied and self.error is not None and not 200 <= self.proxy_status < 300

    @property
    def may_go_elsewhere(self) -> bool:
        """Whether the egress proxy may be asked for the next address. It asked for no credentials, and time is left."""
        was_refused = self.proxy_status not in (0, PROXY_AUTHENTICATION_REQUIRED)
        return was_refused and len(self.addresses) > 1 and self.seconds_left > 0

    def go_elsewhere(self) -> None:
        """Begin again with the next address."""
        self.addresses = self.addresses[1:]
        self.begin_again()

    def begin_again(self) -> None:
        """Forget the answer and how it ended."""
        fresh = Exchange(self.key, self.target, self.headers, self.sent, self.seconds)
        for name in (*_OF_ANSWER, *_OF_END):
            setattr(self, name, getattr(fresh, name))

    @property
    def deadline(self) -> float:
        return self.started + self.seconds

    @property
    def seconds_left(self) -> float:
        return self.deadline - time.monotonic()
