"""Talks with the web server in bytes."""

import json
import socket

from tests.support.rig import Rig

EVENT = json.dumps({"type": "license.activated", "data": {"id": "1"}}).encode()
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"
CLOSING = HEALTH.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
LARGE = b"POST /login HTTP/1.1\r\nHost: a\r\nContent-Length: 8388608\r\n\r\n"


def connect(server: Rig) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), 20)


def talk(server: Rig, request: bytes) -> bytes:
    """Send ``request``. Return all that the server answers until it closes the connection."""
    with connect(server) as connection:
        connection.sendall(request)
        return b"".join(iter(lambda: connection.recv(65_536), b""))


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def head(key: str, *lines: str) -> bytes:
    return "\r\n".join(
        ["POST /api/v1/events HTTP/1.1", "Host: a", f"Authorization: Bearer {key}", *lines, "", ""]
    ).encode()
