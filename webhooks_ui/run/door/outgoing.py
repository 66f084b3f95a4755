"""Outgoing: an answer on its way to a client that reads slowly, or not at all."""

import contextlib
import socket
from typing import Any

KEPT_MAX_BYTES = 1024 * 1024  # of one answer. A thread that writes a larger one waits for its client


class Outgoing:
    """Stands for a socket while a thread writes an answer. What the client doesn't take at once is kept.

    Args:
        seconds: how long a thread waits, with an answer that is too large to keep, until the client takes a piece.
    """

    def __init__(self, sock: socket.socket, seconds: float) -> None:
        self.rest = bytearray()
        self._sock = sock
        self._seconds = seconds

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)

    def sendall(self, data: bytes) -> None:
        """Send ``data``, or keep it.

        Raises:
            TimeoutError: The client takes nothing of a large answer.
            OSError: The client is gone.
        """
        sent = 0
        if not self.rest:
            self._sock.setblocking(False)
            with contextlib.suppress(BlockingIOError, InterruptedError):
                sent = self._sock.send(data)
        self.rest += memoryview(data)[sent:]
        if len(self.rest) > KEPT_MAX_BYTES:
            self._sock.settimeout(self._seconds)
            while len(self.rest) > KEPT_MAX_BYTES:
                self.send_rest()

    def send_rest(self) -> None:
        """Send a piece of what was kept.

        Raises:
            BlockingIOError: The client takes nothing at present, and the socket doesn't wait.
            OSError: As ``sendall``.
        """
        with memoryview(self.rest) as rest:
            sent = self._sock.send(rest)
        del self.rest[:sent]
