"""Endpoints on loopback: an HTTP receiver with scripted answers, and a raw one that sends any bytes."""

import contextlib
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = tuple[int, dict[str, str], bytes]
OK: Answer = (200, {}, b"ok")


@dataclass
class Received:
    """A received request. The names of its headers are in lower case."""

    headers: dict[str, str]
    body: bytes
    path: str


@dataclass
class Receiver:
    """The received requests, and the answers to give. The answers come in turn, and the last one repeats."""

    url: str = ""
    answers: list[Answer] = field(default_factory=lambda: [OK])
    requests: list[Received] = field(default_factory=list)
    respond: Callable[[Received], Answer] | None = None
    connections: int = 0

    @property
    def ids(self) -> list[str]:
        return [request.headers["webhook-id"] for request in self.requests]

    def answer(self, request: Received) -> Answer:
        if self.respond:
            return self.respond(request)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@contextlib.contextmanager
def receiving() -> Iterator[Receiver]:
    """Run a receiver at ``.url`` that speaks HTTP/1.1 and keeps connections alive."""
    receiver = Receiver()
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            super().setup()
            receiver.connections += 1

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            request = Received({name.lower(): value for name, value in self.headers.items()}, body, self.path)
            with lock:
                receiver.requests.append(request)
                code, headers, answer = receiver.answer(request)
            self.send_response(code)
            for name, value in {"Content-Length": str(len(answer)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_POST

        def log_message(self, format: str, *args: object) -> None: ...

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

        def handle_error(self, request: object, client_address: object) -> None: ...

    server = Server(("127.0.0.1", 0), Handler)
    receiver.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()


@contextlib.contextmanager
def raw_receiving(handle: Callable[[socket.socket], None]) -> Iterator[Receiver]:
    """Run a TCP server that passes each connection to ``handle``. ``.connections`` counts them."""
    receiver = Receiver()

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            receiver.connections += 1
            with contextlib.suppress(OSError):
                handle(self.request)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        allow_reuse_address = True
        request_queue_size = 512

    server = Server(("127.0.0.1", 0), Handler)
    receiver.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()


def read_request(connection: socket.socket) -> bytes:
    """Return a request with its body as bytes, or nothing if the peer closed the connection."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65_536)
        if not piece:
            return b""
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(
        (int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")), 0
    )
    while len(body) < length:
        body += connection.recv(65_536)
    return head + b"\r\n\r\n" + body


def reset(connection: socket.socket) -> None:
    """End a connection with RST of TCP."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    connection.close()
