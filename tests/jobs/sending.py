"""What the tests of sending share: a function that sends, and endpoints that answer as a test wants."""

import contextlib
import ipaddress
import queue
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from jobs.send import Result, Sender
from jobs.transport.authorities import authorities_file
from jobs.transport.exchange import ClientCertificate
from tests.support.receivers import read_request
from webhooks_ui.configuration.values import Network

LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"),)
BOTH_LOOPBACKS = (*LOOPBACK, ipaddress.ip_network("::1/128"))
TIMEOUT_SECONDS = 0.6
FAR_BEYOND_SECONDS = 8.0  # how long endpoints misbehave; a slow machine needs the distance to the timeout
BODY = b'{"id":"evt_1"}'
HEADERS = {"Content-Type": "application/json"}


class Send:
    """Sends ``BODY`` to a URL and waits for the result, from any number of threads."""

    def __init__(self, timeout_seconds: float, proxy: str, allowed: Sequence[Network]) -> None:
        self._folder = tempfile.TemporaryDirectory()
        authorities = authorities_file(Path(self._folder.name))
        self._sender = Sender(allowed, 64, authorities, proxy)
        self._timeout_seconds = timeout_seconds
        self._asked: queue.SimpleQueue[tuple[Any, ...]] = queue.SimpleQueue()
        self._ends = False
        self._thread = threading.Thread(target=self._work)
        self._thread.start()

    def __call__(
        self,
        url: str,
        body: bytes = BODY,
        client_certificate: ClientCertificate | None = None,
        *,
        headers: Mapping[str, str] = HEADERS,
        seconds: float | None = None,
    ) -> Result:
        answer: queue.SimpleQueue[Result] = queue.SimpleQueue()
        self._asked.put((answer, url, headers, body, seconds or self._timeout_seconds, client_certificate))
        self._sender.wake()
        return answer.get(timeout=60)

    def close(self) -> None:
        self._ends = True
        self._sender.wake()
        self._thread.join()
        self._sender.close()
        self._folder.cleanup()

    def _work(self) -> None:
        while not self._ends:
            for answer, result in self._sender.results(1.0):
                answer.put(result)
            while not self._asked.empty():
                self._sender.start(*self._asked.get())


@contextlib.contextmanager
def sending(timeout_seconds: float = 10.0, proxy: str = "", allowed: Sequence[Network] = LOOPBACK) -> Iterator[Send]:
    """Yield a function that sends ``BODY`` to a URL."""
    send = Send(timeout_seconds, proxy, allowed)
    try:
        yield send
    finally:
        send.close()


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
