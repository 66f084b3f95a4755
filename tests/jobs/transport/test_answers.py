"""Broken and hostile answers. The name of each test says what the endpoint does, and what follows."""

import gzip
import socket
import time
import tracemalloc
import zlib

import pytest

from jobs.send import Sender
from tests.jobs.sending import FAR_BEYOND_SECONDS, LOOPBACK, TIMEOUT_SECONDS, Send, answering, forever
from tests.support.receivers import raw_receiving, read_request
from webhooks_ui.deliveries.outcomes import Outcome


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        (b"HTTP/1.1 200 OK\r\nX-Drip: ", b"x"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", b"x"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        (b"", b"H"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
    ids=["in the headers", "in the body", "in chunks", "in the status line", "in 100 Continue"],
)
def test_an_endpoint_that_drips_is_left_at_the_deadline(send_briefly: Send, head: bytes, piece: bytes) -> None:
    with raw_receiving(forever(head, piece, pause=0.05)) as receiver:
        result = send_briefly(receiver.url)
    assert result.outcome == Outcome.TIMEOUT
    assert TIMEOUT_SECONDS * 900 < result.duration_ms < FAR_BEYOND_SECONDS * 1_000


def test_an_endpoint_that_accepts_and_never_answers_times_out(send_briefly: Send) -> None:
    with raw_receiving(lambda peer: time.sleep(FAR_BEYOND_SECONDS)) as receiver:
        result = send_briefly(receiver.url)
    assert (result.outcome, result.response_code) == (Outcome.TIMEOUT, None)
    assert TIMEOUT_SECONDS * 900 < result.duration_ms < FAR_BEYOND_SECONDS * 1_000


def test_a_tls_handshake_that_never_ends_times_out(send_briefly: Send) -> None:
    with raw_receiving(lambda peer: time.sleep(FAR_BEYOND_SECONDS)) as receiver:
        assert send_briefly(receiver.url.replace("http:", "https:")).outcome == Outcome.TIMEOUT


@pytest.mark.parametrize("piece", [b"X-More: and more\r\n", b"X" * 65_536])
def test_headers_without_end_break_off(send_briefly: Send, piece: bytes) -> None:
    with raw_receiving(forever(b"HTTP/1.1 200 OK\r\n", piece)) as receiver:
        assert send_briefly(receiver.url).outcome in (Outcome.RESPONSE_BROKEN, Outcome.TIMEOUT)


def test_of_a_body_without_end_ten_kibibytes_are_kept(send: Send) -> None:
    with raw_receiving(forever(b"HTTP/1.1 200 OK\r\n\r\n", b"y" * 65_536)) as receiver:
        result = send(receiver.url)
    assert (result.outcome, result.response_truncated) == (Outcome.DELIVERED, True)
    assert result.response_body == b"y" * 10_240


def bomb() -> bytes:
    """Return 10 MiB of gzip members full of zeros, which decompress to about 10 GiB."""
    member = gzip.compress(bytes(10 * 2**20), 9)
    return member * (10 * 2**20 // len(member))


def test_a_gzip_bomb_costs_no_memory(send: Send) -> None:
    data = bomb()
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(data)}\r\n\r\n".encode()
    with raw_receiving(answering(head, data)) as receiver:
        tracemalloc.start()
        result = send(receiver.url)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert (result.outcome, result.response_truncated) == (Outcome.DELIVERED, True)
    assert result.response_body == bytes(10_240)
    assert peak < 4 * 2**20


def test_a_compressed_body_is_kept_decoded(send: Send) -> None:
    data = zlib.compress(b"hello")
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: deflate\r\nContent-Length: {len(data)}\r\n\r\n".encode()
    with raw_receiving(answering(head + data)) as receiver:
        assert send(receiver.url).response_body == b"hello"


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nplain",
        b"SSH-2.0-OpenSSH_9.9\r\n",
    ],
    ids=["bad chunk", "chunk cut", "body cut", "no gzip", "no HTTP"],
)
def test_a_broken_answer_is_no_success(send: Send, answer: bytes) -> None:
    with raw_receiving(answering(answer)) as receiver:
        assert send(receiver.url).outcome == Outcome.RESPONSE_BROKEN


@pytest.mark.parametrize(
    "answer",
    [b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Le", b"HTTP/1.1 20", b"HTTP/1.1 200 OK\r\nX: y\r\n"],
)
def test_a_head_that_breaks_off_is_no_success(send: Send, answer: bytes) -> None:
    with raw_receiving(answering(answer)) as receiver:
        assert send(receiver.url).outcome == Outcome.RESPONSE_BROKEN
        assert receiver.connections == 1


def test_a_negative_chunk_size_costs_no_memory(send: Send) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n"
    with raw_receiving(forever(head, b"z" * 65_536)) as receiver:
        tracemalloc.start()
        assert send(receiver.url).outcome == Outcome.RESPONSE_BROKEN
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 4 * 2**20


def test_a_head_of_many_large_fields_is_not_read_to_its_end(send: Send) -> None:
    head = b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: %s\r\n" % (n, b"y" * 60_000) for n in range(90)) + b"\r\n"
    with raw_receiving(answering(head)) as receiver:
        assert send(receiver.url).outcome == Outcome.RESPONSE_BROKEN


def test_trailers_without_end_break_off(send_briefly: Send) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"
    with raw_receiving(forever(head, b"X-More: and more\r\n")) as receiver:
        assert send_briefly(receiver.url).outcome in (Outcome.RESPONSE_BROKEN, Outcome.TIMEOUT)


@pytest.mark.parametrize("code", [100, 102, 103])
def test_interim_answers_without_end_break_off(send_briefly: Send, code: int) -> None:
    with raw_receiving(forever(b"", b"HTTP/1.1 %d Wait\r\n\r\n" % code)) as receiver:
        assert send_briefly(receiver.url).outcome in (Outcome.RESPONSE_BROKEN, Outcome.TIMEOUT)


def test_an_interim_answer_is_not_the_answer_and_the_next_delivery_gets_its_own(send: Send) -> None:
    interim, final = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", b"HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n"

    def handle(peer: socket.socket) -> None:
        for code in (200, 500):
            read_request(peer)
            peer.sendall(interim)
            time.sleep(0.05)
            peer.sendall(final % code)

    with raw_receiving(handle) as receiver:
        assert [send(receiver.url).response_code for _ in range(2)] == [200, 500]


def test_after_101_the_connection_speaks_something_else(send: Send) -> None:
    switching = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"
    with raw_receiving(answering(switching, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", close=False)) as receiver:
        assert [send(receiver.url).outcome for _ in range(2)] == [Outcome.BAD_STATUS] * 2
        assert receiver.connections == 2


def test_bytes_after_an_answer_are_not_the_answer_of_the_next_delivery(send: Send) -> None:
    answer = b"HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n"
    with raw_receiving(answering(answer + b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", close=False)) as receiver:
        assert [send(receiver.url).response_code for _ in range(3)] == [500] * 3


@pytest.mark.parametrize(
    ("answer", "connections"),
    [
        (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok", 1),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", 2),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", 2),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 1),
    ],
)
def test_a_connection_is_kept_where_both_sides_mean_to(send: Send, answer: bytes, connections: int) -> None:
    with raw_receiving(answering(answer, close=False)) as receiver:
        assert [send(receiver.url).outcome for _ in range(2)] == [Outcome.DELIVERED] * 2
        assert receiver.connections == connections


def test_a_peer_that_does_not_read_a_large_body_times_out() -> None:
    sender = Sender(LOOPBACK, TIMEOUT_SECONDS, 8)
    body = b"x" * 8 * 2**20  # more than fits into the system's buffers
    with raw_receiving(lambda peer: time.sleep(FAR_BEYOND_SECONDS)) as receiver:
        result = sender.send(receiver.url, {"Content-Length": str(len(body))}, body)
    assert result.outcome == Outcome.TIMEOUT
    assert result.duration_ms < FAR_BEYOND_SECONDS * 1_000


def test_a_reset_in_the_tls_handshake_is_a_failed_connection(send: Send) -> None:
    def handle(peer: socket.socket) -> None:
        peer.recv(10)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        peer.close()

    with raw_receiving(handle) as receiver:
        result = send(receiver.url.replace("http:", "https:"))
    assert result.outcome in (Outcome.CONNECTION_FAILED, Outcome.TLS_FAILED)
    assert "descriptor" not in result.detail


def test_200_and_then_a_reset_is_no_success(send: Send) -> None:
    def handle(peer: socket.socket) -> None:
        read_request(peer)
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome")
        time.sleep(0.05)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        peer.close()

    with raw_receiving(handle) as receiver:
        assert send(receiver.url).outcome == Outcome.RESPONSE_BROKEN
