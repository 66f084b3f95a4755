"""A relay whose connections can fall silent without an end, as where a machine is gone or a firewall forgets them."""

import contextlib
import select
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from pathlib import Path


class Relay(socketserver.ThreadingUnixStreamServer):
    """Passes on between the socket ``path`` and the socket ``target``."""

    daemon_threads = True

    def __init__(self, path: Path, target: Path) -> None:
        super().__init__(str(path), _Connection)
        self.target = target
        self.silenced = 0

    def silence(self) -> None:
        """Pass nothing on any more between those that are connected. New connections work."""
        self.silenced += 1


class _Connection(socketserver.BaseRequestHandler):
    server: Relay

    def handle(self) -> None:
        began = self.server.silenced
        with socket.socket(socket.AF_UNIX) as target, contextlib.suppress(OSError):
            target.connect(str(self.server.target))
            pass_on(self.request, target, lambda: self.server.silenced == began)


def pass_on(one: socket.socket, other: socket.socket, passes: Callable[[], bool] = lambda: True) -> None:
    """Pass on what either end sends until one of them closes. Drop what comes while ``passes`` returns False."""
    while True:
        for end in select.select([one, other], [], [])[0]:
            data = end.recv(65_536)
            if not data:
                return
            if passes():
                (other if end is one else one).sendall(data)


@contextlib.contextmanager
def relay(path: Path, target: Path) -> Iterator[Relay]:
    """Run a relay."""
    with Relay(path, target) as running:
        threading.Thread(target=running.serve_forever, name="relay", daemon=True).start()
        try:
            yield running
        finally:
            running.shutdown()
