"""What the tests of sending share: a function that sends, and endpoints that answer as a test wants."""

import ipaddress
import socket
import time
from collections.abc import Callable

from jobs.send import Result, Sender
from tests.support.receivers import read_request

LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"),)
TIMEOUT_SECONDS = 0.6
FAR_BEYOND_SECONDS = 8.0  # how long endpoints misbehave; a slow machine needs the distance to the timeout
BODY = b'{"id":"evt_1"}'

Send = Callable[[str], Result]


def sending(timeout_seconds: float) -> Send:
    """Return a function that sends ``BODY`` to a URL."""
    sender = Sender(LOOPBACK, timeout_seconds, 8)
    return lambda url: sender.send(url, {"Content-Length": str(len(BODY))}, BODY)


def answering(*pieces: bytes, pause: float = 0, close: bool = True) -> Callable[[socket.socket], None]:
    """Return an endpoint that answers each request with ``pieces``, with a pause in seconds after each piece."""

    def handle(peer: socket.socket) -> None:
        while read_request(peer):
            for piece in pieces:
                peer.sendall(piece)
                time.sleep(pause)
            if close:
                return

    return handle


def forever(head: bytes, piece: bytes, pause: float = 0) -> Callable[[socket.socket], None]:
    """Return an endpoint that answers with ``head``, and then with ``piece`` again and again until the peer is gone."""

    def handle(peer: socket.socket) -> None:
        read_request(peer)
        peer.sendall(head)
        while True:
            peer.sendall(piece)
            time.sleep(pause)

    return handle
