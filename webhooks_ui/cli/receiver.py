"""A small receiver that verifies deliveries and prints them, for ``flask listen``."""

import errno
import re
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from http.server import BaseHTTPRequestHandler
from socketserver import TCPServer, ThreadingMixIn
from typing import Any

from webhooks_ui.cli.verify import NotVerified, verify
from webhooks_ui.events import strict_json

BODY_MAX_BYTES = 1024 * 1024
LINE_MAX_BYTES = 1024
IDLE_SECONDS = 60
NO_ADDRESS = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
_SIZE = re.compile(rb"[0-9A-Fa-f]{1,8}(?=[\s;])")  # of a chunk


class CannotListen(Exception):
    """The port or the host can't be used. The message says what to do."""


class Receiver(ThreadingMixIn, TCPServer):
    """Verifies each request that is posted to it with ``secret``, and passes it to ``show`` as text."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, host: str, port: int, secret: str, status: int, show: Callable[[str], None]) -> None:
        self.secret = secret
        self.status = status
        self.show = show
        self.showing = threading.Lock()
        try:
            self.address_family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
            super().__init__((host, port), Handler)
        except (OSError, UnicodeError) as error:
            if not isinstance(error, OSError) or error.errno in NO_ADDRESS or isinstance(error, socket.gaierror):
                raise CannotListen(f"{host} is not an address of this machine. Choose another --host.") from None
            reason = "is taken" if error.errno == errno.EADDRINUSE else f"can't be opened ({error.strerror})"
            raise CannotListen(f"Port {port} on {host} {reason}. Choose another --port.") from None

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Show a mistake of ours. A client that doesn't wait for its answer is none."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """Serves one connection, which stays open between deliveries."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = IDLE_SECONDS
    server: Receiver

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if self.headers.get("Transfer-Encoding", "").strip().lower() == "chunked":
            try:
                body = self._read_chunks()
            except ValueError as error:
                return self._refuse(400, f"The body is broken: {error}")
        elif not (length.isascii() and length.isdigit()):
            return self._refuse(411, "Content-Length is missing")
        elif len(length) > len(str(BODY_MAX_BYTES)) or int(length) > BODY_MAX_BYTES:
            return self._refuse(413, f"Over {BODY_MAX_BYTES:,} bytes")
        else:
            body = self.rfile.read(int(length))
            if len(body) < int(length):
                return self._give_up(len(body), int(length))
        try:
            verify(body, dict(self.headers.items()), self.server.secret)
            status, verdict = self.server.status, "verified"
        except NotVerified as error:
            status, verdict = 401, f"NOT VERIFIED: {error}"
        self._show(verdict, body)
        self._answer(status, verdict)

    def _read_chunks(self) -> bytes:
        """Return a body in chunks (RFC 9112, section 7.1). Some tunnels send bodies on so.

        Raises:
            ValueError: They are no chunks, they broke off, or they are too many bytes.
        """
        body = b""
        while True:
            line = self.rfile.readline(LINE_MAX_BYTES)
            if not (found := _SIZE.match(line)):
                raise ValueError("a chunk has no size")
            size = int(found[0], 16)
            if len(body) + size > BODY_MAX_BYTES:
                raise ValueError(f"over {BODY_MAX_BYTES:,} bytes")
            body += self.rfile.read(size)
            end = self.rfile.readline(LINE_MAX_BYTES)
            while not size and end.strip():  # trailers
                end = self.rfile.readline(LINE_MAX_BYTES)
            if not end.endswith(b"\n") or end.strip():
                raise ValueError("a chunk has another length than it says")
            if not size:
                return body

    def _refuse(self, status: int, why: str) -> None:
        self._show(f"REFUSED: {why}", b"")
        self._answer(status, why, close=True)

    def _give_up(self, got: int, announced: int) -> None:
        """End the connection of a client that went away, without a word about a signature that nobody can check."""
        self.close_connection = True
        self._show(f"BROKEN OFF: {got:,} of {announced:,} bytes arrived", b"")

    def _answer(self, status: int, text: str, *, close: bool = False) -> None:
        body = b"" if status in (204, 304) else f"{text}\n".encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        if close:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def _show(self, verdict: str, body: bytes) -> None:
        headers = self.headers
        head = [
            f"{datetime.now().astimezone():%H:%M:%S}",
            headers.get("X-Webhook-Event", "(no type)"),
            headers.get("webhook-id", "(no id)"),
            f"attempt {headers.get('X-Webhook-Attempt', '?')}",
            verdict,
        ]
        with self.server.showing:
            self.server.show(f"{printable('  '.join(head))}\n{pretty(body)}\n")

    def log_message(self, format: str, *arguments: Any) -> None:
        """Log nothing. The request is shown already."""


def serve(host: str, port: int, secret: str, status: int, show: Callable[[str], None]) -> None:
    """Receive deliveries until Ctrl-C. Show the address once the port is open.

    Raises:
        CannotListen: The port is taken, or the host is not an address of this machine.
    """
    with Receiver(host, port, secret, status, show) as receiver:
        shown_host = f"[{host}]" if ":" in host else host
        show(f"Listening on http://{shown_host}:{receiver.server_address[1]} (press Ctrl-C to stop)")
        try:
            receiver.serve_forever()
        except KeyboardInterrupt:
            show("Stopped.")


def pretty(body: bytes) -> str:
    """Return the body as indented JSON, or unchanged if it isn't JSON."""
    text = body.decode("utf-8", "replace")
    with suppress(ValueError, RecursionError):
        text = strict_json.render_indented(strict_json.load_raw(body).value)
    return printable(text)


def printable(text: str) -> str:
    """Return ``text`` with unprintable characters escaped, so that it can't control the terminal."""
    return "".join(
        character if character.isprintable() or character == "\n" else repr(character)[1:-1] for character in text
    )
