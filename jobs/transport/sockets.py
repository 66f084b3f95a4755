"""The sockets of libcurl: to which addresses they are opened, and what happens on them."""

import contextlib
import selectors
import socket
import sys
import time
from collections.abc import Iterator
from typing import Any

import pycurl

DISCARDED_BYTES = 64 * 1024


def open_socket(family: int, kind: int, protocol: int, address: tuple[Any, ...]) -> int:
    """Return a new socket, which libcurl connects to ``address``.

    It tells Python's audit hooks of the connection, because they don't see what libcurl does.
    """
    with socket.socket(family, kind, protocol) as opened:
        sys.audit("socket.connect", opened, address)
        return opened.detach()


class Sockets:
    """Waits for events on the sockets that libcurl names. Events have the same numbers in libcurl and in selectors.

    A kept connection has to be silent. If its server sends something that nobody asked for, libcurl might take it for
    the answer to the next request. So the connection is ended as soon as something comes, or when the server closes it.
    """

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._watched: dict[int, int] = {}  # by socket: the events
        self._idle: set[int] = set()
        self._silent: set[int] = set()  # connections whose servers may only answer
        self._heard_at: dict[int, float] = {}  # by socket: when it was opened or something came last, monotonic
        self._bell, self._rope = socket.socketpair()
        self._bell.setblocking(False)
        self._rope.setblocking(False)
        self._selector.register(self._bell, selectors.EVENT_READ)

    def wake(self) -> None:
        """End ``wait``, from any thread. Once the sockets are closed, nobody waits."""
        with contextlib.suppress(OSError):
            self._rope.send(b"x")

    def note_opened(self, fd: int) -> None:
        """Take note of a new connection. libcurl has closed an older one with the same number."""
        self._forget(fd)
        self._silent.add(fd)
        self._heard_at[fd] = time.monotonic()  # libcurl may read all that comes at first in one go, without an event

    def note_multiplexed(self, fd: int) -> None:
        """Let the server of this connection talk whenever it wants to, as HTTP/2 does."""
        self._silent.discard(fd)
        if fd in self._idle:
            self._forget(fd)

    def end_if_silent(self, fd: int, since: float) -> None:
        """End a connection on which nothing came since ``since``, on the monotonic clock."""
        if self._heard_at.get(fd, 0.0) < since:
            with contextlib.suppress(OSError), _borrowed(fd) as connection:
                connection.shutdown(socket.SHUT_RDWR)

    def watch(self, events: int, fd: int, _multi: Any, _data: Any) -> None:
        """Watch a socket for other events than before. libcurl calls this, also for sockets of its own."""
        self._idle.discard(fd)
        if events == pycurl.POLL_REMOVE:
            if fd not in self._silent:
                self._forget(fd)
                return
            self._idle.add(fd)
            events = pycurl.POLL_IN
        if self._watched.get(fd) == events:
            return
        try:
            if fd in self._watched:
                self._selector.modify(fd, events)
            else:
                self._selector.register(fd, events)
        except OSError:  # an older socket with this number was closed, and the selector has just forgotten it
            self._watched.pop(fd, None)
            if fd in self._idle:
                self._idle.discard(fd)
                return
            self._selector.register(fd, events)
        self._watched[fd] = events

    def wait(self, seconds: float) -> list[tuple[int, int]]:
        """Return the sockets on which something happened, with the events."""
        happened = []
        for key, events in self._selector.select(seconds):
            if key.fileobj is self._bell:
                with contextlib.suppress(BlockingIOError):
                    self._bell.recv(DISCARDED_BYTES)
            elif key.fd in self._idle:
                self._end(key.fd)
            else:
                happened.append((key.fd, events))
                if events & selectors.EVENT_READ:
                    self._heard_at[key.fd] = time.monotonic()
        return happened

    def close(self) -> None:
        self._selector.close()
        self._bell.close()
        self._rope.close()

    def _forget(self, fd: int) -> None:
        self._idle.discard(fd)
        if self._watched.pop(fd, None) is not None:
            self._selector.unregister(fd)

    def _end(self, fd: int) -> None:
        """End an idle connection, so that libcurl makes a new one for the next request."""
        self._forget(fd)
        with contextlib.suppress(OSError), _borrowed(fd) as connection:
            connection.recv(DISCARDED_BYTES, socket.MSG_DONTWAIT)
            connection.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def _borrowed(fd: int) -> Iterator[socket.socket]:
    """Yield a socket that libcurl owns."""
    borrowed = socket.socket(fileno=fd)
    try:
        yield borrowed
    finally:
        borrowed.detach()
