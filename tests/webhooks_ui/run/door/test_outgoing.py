"""An answer reaches a slow client whole, and one who reads nothing holds nobody up."""

import socket
import threading
from typing import Any

import pytest

from webhooks_ui.run.door.outgoing import KEPT_MAX_BYTES, Outgoing


def pair() -> tuple[socket.socket, socket.socket]:
    ours, theirs = socket.socketpair()
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8_192)
    return ours, theirs


def test_what_the_client_takes_at_once_is_sent_in_order() -> None:
    ours, theirs = pair()
    with ours, theirs:
        outgoing = Outgoing(ours, 5)
        outgoing.sendall(b"head")
        outgoing.sendall(b"body")
        assert (theirs.recv(100), bytes(outgoing.rest)) == (b"headbody", b"")


def test_what_it_does_not_take_is_kept_without_waiting_and_sent_later() -> None:
    ours, theirs = pair()
    with ours, theirs:
        outgoing = Outgoing(ours, 5)
        text = bytes(range(256)) * 1_000
        outgoing.sendall(text)
        outgoing.sendall(b"end")
        assert outgoing.rest.endswith(b"end")
        received = b""
        while outgoing.rest:
            received += theirs.recv(65_536)
            outgoing.send_rest()
        ours.close()
        received += b"".join(iter(lambda: theirs.recv(65_536), b""))
        assert received == text + b"end"


def test_a_large_answer_waits_for_its_client() -> None:
    ours, theirs = pair()
    text = b"x" * (3 * KEPT_MAX_BYTES)
    received: list[bytes] = []
    reader = threading.Thread(target=lambda: received.extend(iter(lambda: theirs.recv(65_536), b"")))
    with theirs:
        with ours:
            outgoing = Outgoing(ours, 5)
            reader.start()
            outgoing.sendall(text)
            assert len(outgoing.rest) <= KEPT_MAX_BYTES
            ours.settimeout(5)
            while outgoing.rest:
                outgoing.send_rest()
        reader.join(10)
    assert b"".join(received) == text


def test_a_large_answer_that_nobody_reads_is_given_up() -> None:
    ours, theirs = pair()
    with ours, theirs, pytest.raises(TimeoutError):
        Outgoing(ours, 0.1).sendall(b"x" * (3 * KEPT_MAX_BYTES))


def test_the_rest_is_the_sockets_own() -> None:
    ours, theirs = pair()
    with ours, theirs:
        outgoing: Any = Outgoing(ours, 5)
        assert outgoing.fileno() == ours.fileno()
