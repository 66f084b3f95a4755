"""What the tests of sending share: a sender, and endpoints that answer as a test wants it."""

import ipaddress
import socket
import time
from collections.abc import Callable

from jobs.send import Result, Sender
from tests.support.receivers import read_request

LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"),)
TIMEOUT_SECONDS = 0.6
FAR_BEYOND_SECONDS = 8.0  # what must be cut off would last longer; a busy machine may take a part of it
BODY = b'{"id":"evt_1"}'


def sending(timeout_seconds: float) -> Callable[[str], Result]:
    sender = Sender(LOOPBACK, timeout_seconds, 8)
    return lambda url: sender.send(url, {"Content-Length": str(len(BODY))}, BODY)


def answering(*pieces: bytes, pause: float = 0, close: bool = True) -> Callable[[socket.socket], None]:
    """Read a request, then send ``pieces`` with a pause after each."""

    def handle(peer: socket.socket) -> None:
        while read_request(peer):
            for piece in pieces:
                peer.sendall(piece)
                time.sleep(pause)
            if close:
                return

    return handle


def forever(head: bytes, piece: bytes, pause: float = 0) -> Callable[[socket.socket], None]:
    """Read a request, send ``head``, then ``piece`` again and again until the peer is gone."""

    def handle(peer: socket.socket) -> None:
        read_request(peer)
        peer.sendall(head)
        while True:
            peer.sendall(piece)
            time.sleep(pause)

    return handle
