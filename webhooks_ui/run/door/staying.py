"""Staying: a thread that has answered waits for the next request of its client, if no other request needs the thread.

The way over the main thread to a thread costs more than many a request.
"""

import contextlib
import os
import select
import socket
import threading

STAY_MILLISECONDS = 250
RECEIVED_BYTES = 64 * 1024


class Staying:
    """Knows how many threads are wanted, and calls those that stay with their clients.

    Args:
        threads: how many answer requests.
    """

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._wanted = 0  # by requests that are answered or wait, and by threads that stay
        self._staying = 0
        self._lock = threading.Lock()
        self._called, self._calls = os.pipe()  # each byte tells one thread to leave its client
        os.set_blocking(self._called, False)
        os.set_blocking(self._calls, False)

    def want(self) -> None:
        """Count a request that needs a thread. If none is free, tell one to leave the client with which it stays."""
        with self._lock:
            self._wanted += 1
            must_call = self._wanted > self._threads and self._staying > 0
        if must_call:
            with contextlib.suppress(BlockingIOError):
                os.write(self._calls, b"!")

    def leave(self) -> None:
        """Count a thread that is free again."""
        with self._lock:
            self._wanted -= 1

    def receive(self, sock: socket.socket) -> bytes:
        """Return what the client sends next. Return nothing if nothing comes soon, or another request needs the thread.

        Raises:
            OSError: The connection is broken.
        """
        with self._lock:
            if self._wanted >= self._threads:
                return b""
            self._staying += 1
        try:
            return self._wait_for(sock)
        finally:
            with self._lock:
                self._staying -= 1

    def _wait_for(self, sock: socket.socket) -> bytes:
        events = select.poll()
        events.register(sock, select.POLLIN)
        events.register(self._called, select.POLLIN)
        arrived = [file for file, _ in events.poll(STAY_MILLISECONDS)]
        if sock.fileno() in arrived:
            return sock.recv(RECEIVED_BYTES, socket.MSG_DONTWAIT)
        if arrived:
            with contextlib.suppress(BlockingIOError):  # another thread was quicker
                os.read(self._called, 1)
        return b""
