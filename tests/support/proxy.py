"""An http proxy on loopback that connects its clients to wherever they want (CONNECT)."""

import base64
import contextlib
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.support.receivers import raw_receiving
from tests.support.relay import pass_on


@dataclass
class Proxy:
    """A running proxy.

    Args:
        user: name and password that it asks for, such as ``me:secret``. Empty: none.
        hangs: connects nobody, and says nothing.
    """

    user: str = ""
    hangs: bool = False
    url: str = ""
    asked: list[str] = field(default_factory=list)  # the targets of CONNECT
    heads: list[bytes] = field(default_factory=list)  # of these requests
    answer: bytes = b"HTTP/1.1 200 Connection established\r\nVia: proxy\r\n\r\n"

    def handle(self, client: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            piece = client.recv(65_536)
            if not piece:
                return
            head += piece
        method, target, _ = head.split(b"\r\n")[0].decode().split()
        self.asked.append(f"{method} {target}")
        self.heads.append(head)
        credentials = b"Proxy-Authorization: Basic " + base64.b64encode(self.user.encode())
        if self.user and credentials not in head:
            client.sendall(b"HTTP/1.1 407 Who are you?\r\nContent-Length: 0\r\n\r\n")
            return
        host, _, port = target.rpartition(":")
        if self.hangs:
            client.recv(1)
            return
        try:
            target_socket = socket.create_connection((host.strip("[]"), int(port)), 10)
        except OSError:
            client.sendall(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
            return
        with target_socket:
            client.sendall(self.answer)
            pass_on(client, target_socket)


@contextlib.contextmanager
def proxying(user: str = "") -> Iterator[Proxy]:
    """Run a proxy at ``.url``, which has no credentials."""
    proxy = Proxy(user)
    with raw_receiving(proxy.handle) as server:
        proxy.url = server.url.removesuffix("/hook")
        yield proxy
