"""Sockets that give up at a deadline for the whole request, not, as their timeout does, for each read.

``requests`` alone waits up to its timeout for *every* read: an endpoint that drips a byte a second would hold a
thread for ever.
"""

import http.client
import math
import socket
import ssl
import threading
import time
from typing import Any

PATIENCE_SECONDS = 0.05  # the timeout is set anew only when it is off by more: each setting is a system call


class Deadline(threading.local):
    """When the request that this thread makes must be over, on the monotonic clock."""

    at: float = 0.0

    def start(self, seconds: float) -> None:
        self.at = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds left.

        Raises:
            TimeoutError: there are none.
        """
        left = self.at - time.monotonic()
        if left <= 0:
            raise TimeoutError("the time for the whole request is over")
        return left


deadline = Deadline()


def _limit(sock: socket.socket) -> None:
    left = deadline.left()
    if sock.gettimeout() is None or abs(sock.gettimeout() - left) > PATIENCE_SECONDS:  # type: ignore[operator]
        sock.settimeout(left)


class TooMuch(http.client.HTTPException):
    """The peer sent more than anybody wants to read."""


class _Counting:
    """Counts what the peer sends: it may be no more than ``most``, and one can tell whether it was anything at all."""

    received = 0
    most = math.inf

    def count(self, received: int) -> int:
        self.received += received
        if self.received > self.most:
            raise TooMuch(f"The answer's head, or what belongs to its first bytes, has over {self.most:,} bytes")
        return received


class DeadlineSocket(_Counting, socket.socket):
    """A plain TCP socket."""

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        _limit(self)
        return self.count(super().recv_into(*args, **kwargs))

    def sendall(self, *args: Any, **kwargs: Any) -> None:
        _limit(self)
        super().sendall(*args, **kwargs)


class DeadlineTlsSocket(_Counting, ssl.SSLSocket):
    """A TLS socket; made by an ``SSLContext`` whose ``sslsocket_class`` it is."""

    def do_handshake(self, block: bool = False) -> None:
        _limit(self)
        super().do_handshake(block)

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        _limit(self)
        return self.count(super().recv_into(*args, **kwargs))

    def sendall(self, *args: Any, **kwargs: Any) -> None:
        _limit(self)
        super().sendall(*args, **kwargs)
