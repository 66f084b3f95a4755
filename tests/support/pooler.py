"""A pooler of PostgreSQL connections: each transaction gets the session that was left alone for longest."""

import contextlib
import select
import socket
import socketserver
import struct
import threading
from collections import deque
from collections.abc import Iterator
from queue import Queue

from sqlalchemy import URL, make_url

KEY_OF_POOLER = b"K" + struct.pack("!iii", 12, 7_777_777, 1)  # PgBouncer, too, tells no process of the server
READY = b"Z" + struct.pack("!ic", 5, b"I")


@contextlib.contextmanager
def pooler(url: str, sessions: int = 2) -> Iterator[str]:
    """Pool ``sessions`` of the server at ``url``, which listens on a Unix socket. Yield the URL of the pooler."""
    servers: Queue[socket.socket] = Queue()
    for _ in range(sessions):
        server, greeting = _connect(make_url(url))
        servers.put(server)

    class Client(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(OSError):
                _start(self.request, greeting)
                while _asks(self.request):
                    server = servers.get()
                    _relay_transaction(self.request, server)
                    servers.put(server)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Client) as listener:
        listener.daemon_threads = True
        threading.Thread(target=listener.serve_forever, daemon=True).start()
        port = listener.server_address[1]
        address = make_url(url).set(host="127.0.0.1", port=port).difference_update_query(["host"])
        yield address.update_query_dict({"sslmode": "disable"}).render_as_string(hide_password=False)
        listener.shutdown()
    while not servers.empty():
        servers.get().close()


def _connect(url: URL) -> tuple[socket.socket, bytes]:
    """Open a session. Return it and what the server said of itself."""
    server = socket.socket(socket.AF_UNIX)
    server.connect(f"{url.query['host']}/.s.PGSQL.5432")
    names = f"user\0{url.username}\0database\0{url.database}\0\0".encode()
    server.sendall(struct.pack("!ii", len(names) + 8, 196_608) + names)
    said = b""
    while not said.endswith(READY):
        said += server.recv(65_536)
    return server, said[: said.index(b"K\0\0\0\x0c")] + KEY_OF_POOLER + READY


def _start(client: socket.socket, greeting: bytes) -> None:
    client.recv(65_536)
    client.sendall(greeting)


def _asks(client: socket.socket) -> bool:
    """Wait until the client sends something. Return False if it takes leave."""
    return client.recv(1, socket.MSG_PEEK) not in (b"", b"X")


def _relay_transaction(client: socket.socket, server: socket.socket) -> None:
    """Pass everything on until the server is ready, and in no transaction."""
    last: deque[int] = deque(maxlen=len(READY))
    while bytes(last) != READY:
        for source in select.select([client, server], [], [])[0]:
            data = source.recv(65_536)
            (server if source is client else client).sendall(data)
            if source is server:
                last.extend(data)
            elif not data:
                raise ConnectionError
