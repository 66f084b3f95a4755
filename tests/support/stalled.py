"""Clients that stall: they say nothing, half a head, half a body, or one byte a second, or read no answer."""

import contextlib
import resource
import select
import socket
import threading
from collections.abc import Iterator

KINDS = {
    "silent": b"",
    "half a head": b"GET /login HTTP/1.1\r\nHost: portal.example.com\r\nX-",
    "half a body": b"POST /login HTTP/1.1\r\nHost: portal.example.com\r\nContent-Length: 1000\r\n\r\nemail=",
    "one byte a second": b"G",
    "reads nothing": b"GET /assets/app.css HTTP/1.1\r\nHost: portal.example.com\r\n\r\n" * 60,
}
BYTE_SECONDS = 1.0


def raise_file_limit() -> None:
    """Let this process open as many files as the system lets it."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    with contextlib.suppress(ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class Stalled:
    """Keeps ``count`` connections of each kind open. A connection that the server closes is opened again."""

    def __init__(self, port: int, count: int) -> None:
        self.port = port
        self.opened = 0
        self._connections = [(kind, self._open(begin)) for kind, begin in KINDS.items() for _ in range(count)]
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._stall, daemon=True)
        self._thread.start()

    def _open(self, begin: bytes) -> socket.socket:
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1_024)  # so that an answer doesn't fit in
        connection.settimeout(10)
        try:
            connection.connect(("127.0.0.1", self.port))
            connection.send(begin)
        except OSError:
            connection.close()
            raise
        connection.setblocking(False)
        self.opened += 1
        return connection

    def _stall(self) -> None:
        while not self._stop.wait(BYTE_SECONDS):
            for position, (kind, connection) in enumerate(self._connections):
                if self._stop.is_set():
                    return
                if self._is_closed(kind, connection):
                    connection.close()
                    with contextlib.suppress(OSError):
                        self._connections[position] = kind, self._open(KINDS[kind])
                elif kind == "one byte a second":
                    with contextlib.suppress(OSError):
                        connection.send(b"E")

    @staticmethod
    def _is_closed(kind: str, connection: socket.socket) -> bool:
        if kind == "reads nothing":
            poll = select.poll()
            poll.register(connection, select.POLLRDHUP)
            return bool(poll.poll(0))
        try:
            return not connection.recv(1024)
        except BlockingIOError:
            return False
        except OSError:
            return True

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        for _, connection in self._connections:
            connection.close()


@contextlib.contextmanager
def stalled_clients(port: int, count: int) -> Iterator[Stalled]:
    """Yield ``count`` stalled clients of each kind."""
    raise_file_limit()
    clients = Stalled(port, count)
    try:
        yield clients
    finally:
        clients.close()
