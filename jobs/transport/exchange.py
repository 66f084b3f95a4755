"""Exchange: one request to an endpoint, and what came back."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from webhooks_ui.webhooks.destination import Address, Destination

PROXY_AUTHENTICATION_REQUIRED = 407


class ClientCertificate(NamedTuple):
    """What a client shows to an endpoint that asks for it. Both are PEM."""

    certificate: bytes
    key: bytes


class Request(NamedTuple):
    """What goes out, and how.

    Args:
        headers: names and values. A name may repeat.
        seconds: for all of it, from the resolution of the name to the end of the answer.
    """

    target: Destination
    headers: Sequence[tuple[str, str]]
    body: bytes
    seconds: float
    client_certificate: ClientCertificate | None = None


class Connection(NamedTuple):
    """What the log keeps of a connection."""

    peer: str  # IP address and port
    tls: str | None  # protocol and cipher. None over plain HTTP


class Exchange:
    """One request and its answer, as far as it came.

    Args:
        key: tells its owner which one it is.
    """

    __slots__ = (
        "addresses",
        "alert",
        "blocked",
        "body",
        "complaint",
        "connection",
        "deadline",
        "duration_ms",
        "error",
        "failure",
        "head",
        "is_coded",
        "is_cut",
        "is_ended",
        "is_proxied",
        "is_unnamed",
        "key",
        "message",
        "os_error",
        "proxy_status",
        "request",
        "started",
        "started_at",
        "status",
        "tried",
        "wants_certificate",
    )

    def __init__(self, key: Any, request: Request) -> None:
        self.key = key
        self.request = request
        self.started_at = datetime.now(UTC)
        self.started = time.monotonic()
        self.deadline = self.started + request.seconds
        self.duration_ms = 0
        self.is_ended = False
        self.addresses: Sequence[Address] = ()  # those that may be connected to, the best one first
        self.tried: list[Address] = []
        self.connection: Connection | None = None
        self.status: int | None = None  # of the final answer
        self.head: list[bytes] = []  # its lines
        self.body = bytearray()  # its first bytes, as they came
        self.is_coded = False  # the body is in chunks or compressed
        self.is_cut = False  # we ended it, because no more is wanted of the body
        self.is_proxied = False
        self.is_unnamed = False  # the endpoint's certificate doesn't name its host
        self.wants_certificate = False  # the endpoint asked for a client certificate on a new connection
        self.alert: int | None = None  # of TLS, with which the endpoint ended it
        self.blocked = ""  # why no delivery may go there
        self.complaint = ""  # why we ended it
        self.error: int | None = None  # of libcurl
        self.message = ""  # likewise
        self.os_error = 0  # the error number of the system, for a connection that failed
        self.proxy_status = 0  # of the egress proxy's answer
        self.failure: Exception | None = None  # what isn't libcurl's

    def block(self, address: Address) -> None:
        """Take note that the host leads to ``address``, where no delivery may go."""
        self.blocked = f"{self.request.target.host} leads to {address}"

    def end(self) -> None:
        self.is_ended = True
        self.duration_ms = round((time.monotonic() - self.started) * 1_000)

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
        self.error, self.message, self.os_error, self.proxy_status = None, "", 0, 0
        self.is_proxied = False

    @property
    def seconds_left(self) -> float:
        return self.deadline - time.monotonic()
