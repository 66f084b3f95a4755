"""The receiver of ``flask listen`` verifies deliveries and shows them safely."""

import http.client
import json
import socket
import struct
import threading
import time
from collections.abc import Iterator, Sequence

import pytest

from tests.support.signed import headers
from tests.support.waiting import wait_for
from webhooks_ui.cli.receiver import CannotListen, Receiver, pretty
from webhooks_ui.models import secret_box

SECRET = secret_box.generate()
BODY = b'{"id":"evt_1","type":"license.activated","data":{"name":"Zo\xc3\xab"}}'


class Listener:
    """A running receiver, with a client that posts to it."""

    def __init__(self, status: int = 200) -> None:
        self.shown: list[str] = []
        self.server = Receiver("127.0.0.1", 0, SECRET, status, self.shown.append)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self.thread.start()
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)

    def post(self, body: bytes = BODY, changes: dict[str, str] | None = None) -> tuple[int, str]:
        """Post a signed delivery. ``changes`` replace headers. Return the status and the text of the answer."""
        self.connection.request("POST", "/", body, signed(body) | (changes or {}))
        response = self.connection.getresponse()
        return response.status, response.read().decode()

    def close(self) -> None:
        self.connection.close()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


def signed(body: bytes = BODY, *, secrets: Sequence[str] = (SECRET,), timestamp: int | None = None) -> dict[str, str]:
    """Return the headers of a delivery of ``body``."""
    keys = [secret_box.key_bytes(secret) for secret in secrets]
    at = int(time.time()) if timestamp is None else timestamp
    return headers("evt_1", "license.activated", "production", body, timestamp=at, attempt=2, keys=keys)


def local_address(listener: Listener) -> object:
    """Return the client's end of the connection."""
    sock: socket.socket | None = listener.connection.sock
    assert sock
    return sock.getsockname()


@pytest.fixture
def listener() -> Iterator[Listener]:
    listener = Listener()
    yield listener
    listener.close()


def test_a_verified_delivery_gets_200_and_is_shown_readably(listener: Listener) -> None:
    assert listener.post() == (200, "verified\n")
    (text,) = listener.shown
    head, _, body = text.partition("\n")
    assert head.split("  ")[1:] == ["license.activated", "evt_1", "attempt 2", "verified"]
    assert json.loads(body) == json.loads(BODY)
    assert "Zoë" in body


def test_one_of_several_signatures_is_enough(listener: Listener) -> None:
    assert listener.post(changes=signed(secrets=[secret_box.generate(), SECRET]))[0] == 200


@pytest.mark.parametrize(
    "changes",
    [
        signed(secrets=[secret_box.generate()]),
        signed(timestamp=1_000_000_000),
        signed(timestamp=9_000_000_000),
        signed(b"other body") | {"Content-Length": str(len(BODY))},
        {"webhook-signature": "nonsense"},
        {"webhook-signature": "v1,%%%"},
        {"webhook-timestamp": "soon"},
        {"webhook-id": "evt_2"},
    ],
)
def test_a_delivery_that_is_not_verified_gets_401_and_is_shown_with_the_reason(
    listener: Listener, changes: dict[str, str]
) -> None:
    status, answer = listener.post(changes=changes)
    assert status == 401
    assert answer.startswith("NOT VERIFIED: ")
    assert answer.strip() in listener.shown[0]


def test_a_body_that_is_not_utf_8_gets_401(listener: Listener) -> None:
    assert listener.post(b"\xff\xfe")[0] == 401


def test_a_client_that_goes_away_is_told_in_one_line(listener: Listener, capfd: pytest.CaptureFixture[str]) -> None:
    lines = [f"{name}: {value}" for name, value in signed().items() if name != "Content-Length"]
    head = "\r\n".join(["POST / HTTP/1.1", "Host: localhost", *lines, "Content-Length: 1000", "", ""]).encode()
    with socket.create_connection(("127.0.0.1", listener.port), 5) as client:
        client.sendall(head + BODY)
    with socket.create_connection(("127.0.0.1", listener.port), 5) as client:  # whole, but it reads no answer
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.sendall(head.replace(b"1000", str(len(BODY)).encode()) + BODY)
    assert listener.post()[0] == 200
    told = f"BROKEN OFF: {len(BODY)} of 1,000 bytes arrived"
    wait_for(lambda: any(told in text for text in listener.shown), what="it is told")
    assert "Traceback" not in "".join(capfd.readouterr())


def post_in_chunks(listener: Listener, body: bytes) -> tuple[int, str]:
    """Post a signed delivery whose body is written as it is. Return the status and the text of the answer."""
    fields = signed() | {"Transfer-Encoding": "chunked"}
    fields.pop("Content-Length", None)
    listener.connection.request("POST", "/", iter([body]), fields, encode_chunked=False)
    response = listener.connection.getresponse()
    return response.status, response.read().decode()


def test_a_body_in_chunks_is_read(listener: Listener) -> None:
    chunks = b"%x;name=value\r\n%s\r\n%x\r\n%s\r\n0\r\n" % (5, BODY[:5], len(BODY) - 5, BODY[5:])
    assert post_in_chunks(listener, chunks + b"\r\n") == (200, "verified\n")
    before = local_address(listener)
    assert post_in_chunks(listener, chunks + b"X-Trailer: 1\r\nX-Other: 2\r\n\r\n") == (200, "verified\n")
    assert listener.post() == (200, "verified\n")
    assert local_address(listener) == before


@pytest.mark.parametrize(
    "chunks", [b"-1\r\n\r\n", b"zz\r\n", b"2\r\nabc\r\n0\r\n\r\n", b"200000\r\n", b"fffffffffff\r\n", b"\r\n" * 9]
)
def test_broken_chunks_are_refused_and_shown(listener: Listener, chunks: bytes) -> None:
    status, answer = post_in_chunks(listener, chunks)
    assert (status, answer.partition(":")[0]) == (400, "The body is broken")
    assert f"REFUSED: {answer.strip()}" in listener.shown[0]


def test_a_body_without_a_length_and_one_that_is_too_long_are_refused_and_shown(listener: Listener) -> None:
    assert listener.post(changes={"Content-Length": "soon"})[0] == 411
    assert listener.post(changes={"Content-Length": "2000000"})[0] == 413
    assert listener.post(changes={"Content-Length": "9" * 5_000})[0] == 413
    assert ["REFUSED" in text for text in listener.shown] == [True, True, True]


def test_the_connection_stays_open_between_deliveries(listener: Listener) -> None:
    listener.post()
    before = local_address(listener)
    listener.post()
    assert local_address(listener) == before


def test_another_status_can_be_chosen() -> None:
    listener = Listener(status=503)
    assert listener.post()[0] == 503
    listener.close()


def test_control_characters_and_direction_marks_are_escaped() -> None:
    shown = pretty('{"a":"\x1b[2J\u202e"}'.encode())
    assert "\x1b" not in shown
    assert "\u202e" not in shown


def test_a_taken_port_and_a_foreign_host_get_a_clear_message() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CannotListen, match=f"Port {port} on 127.0.0.1 is taken"):
            Receiver("127.0.0.1", port, SECRET, 200, print)
    for host, port in (("203.0.113.1", 0), ("203.0.113.1", 9_000), ("nope.invalid", 9_000), ("a" * 300, 9_000)):
        with pytest.raises(CannotListen, match=rf"^{host} is not an address of this machine. Choose another --host.$"):
            Receiver(host, port, SECRET, 200, print)
