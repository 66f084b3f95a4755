"""Broken and hostile answers. The name of each test says what the endpoint does, and what follows."""

import contextlib
import gzip
import socket
import time
import tracemalloc
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.jobs.sending import FAR_BEYOND_SECONDS, TIMEOUT_SECONDS, Send, answering, forever
from tests.support.receivers import Receiver, raw_receiving, read_request, reset
from webhooks_ui.deliveries.outcomes import NO_CONNECTION, Outcome


@pytest.mark.parametrize(
    ("head", "piece"), [(b"HTTP/1.1 20", b"0"), (b"", b"HTTP/1.1 100 Continue\r\n\r\n")], ids=["status", "100 Continue"]
)
def test_an_endpoint_that_drips_is_left_at_the_deadline(send_briefly: Send, head: bytes, piece: bytes) -> None:
    with raw_receiving(forever(head, piece, pause=0.05)) as receiver:
        result = send_briefly(receiver.url)
    assert (result.outcome, result.response_code) == (Outcome.TIMEOUT, None)
    assert TIMEOUT_SECONDS * 900 < result.duration_ms < FAR_BEYOND_SECONDS * 1_000


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        (b"X-Drip: ", b"x"),
        (b"Content-Length: 1000\r\n\r\n", b"x"),
        (b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    ],
    ids=["in the headers", "in the body", "in chunks"],
)
@pytest.mark.parametrize(("status", "outcome"), [(b"200", Outcome.DELIVERED), (b"500", Outcome.BAD_STATUS)])
def test_an_answer_that_drips_counts_from_its_status_line_on(
    send_briefly: Send, status: bytes, outcome: Outcome, head: bytes, piece: bytes
) -> None:
    with raw_receiving(forever(b"HTTP/1.1 %s X\r\n%s" % (status, head), piece, pause=0.05)) as receiver:
        result = send_briefly(receiver.url)
    assert (result.outcome, result.detail) == (outcome, "its answer did not end in time")
    assert TIMEOUT_SECONDS * 900 < result.duration_ms < FAR_BEYOND_SECONDS * 1_000


def test_an_endpoint_that_accepts_and_never_answers_times_out(send_briefly: Send) -> None:
    with raw_receiving(lambda peer: time.sleep(FAR_BEYOND_SECONDS)) as receiver:
        result = send_briefly(receiver.url)
    assert (result.outcome, result.response_code, result.detail) == (Outcome.TIMEOUT, None, "")
    assert TIMEOUT_SECONDS * 900 < result.duration_ms < FAR_BEYOND_SECONDS * 1_000


def test_a_tls_handshake_that_never_ends_times_out(send_briefly: Send) -> None:
    with raw_receiving(lambda peer: time.sleep(FAR_BEYOND_SECONDS)) as receiver:
        result = send_briefly(receiver.url.replace("http:", "https:"))
    assert (result.outcome, result.detail) == (Outcome.TIMEOUT, NO_CONNECTION)


@pytest.mark.parametrize("piece", [b"X-More: and more\r\n", b"X" * 65_536])
def test_headers_without_end_break_off(send: Send, piece: bytes) -> None:
    with raw_receiving(forever(b"HTTP/1.1 200 OK\r\n", piece)) as receiver:
        result = send(receiver.url)
    assert (result.outcome, result.response_code) == (Outcome.DELIVERED, 200)
    assert result.detail
    assert sum(len(name) + len(value) for name, value in result.response_headers) <= 16 * 1024


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
    ("answer", "body"),
    [
        (b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n", b"hello"),
        (b"Transfer-Encoding: chunked\r\n\r\n5\r\nhe", b"he"),
        (b"Content-Length: 100\r\n\r\nshort", b"short"),
        (b"Content-Encoding: gzip\r\nContent-Length: 5\r\n\r\nplain", b"plain"),
        (b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nokk", b""),
        (b"no colon\r\n\r\n", b""),
    ],
    ids=["bad chunk", "chunk cut", "body cut", "no gzip", "two lengths", "no field"],
)
@pytest.mark.parametrize(("status", "outcome"), [(b"200", Outcome.DELIVERED), (b"404", Outcome.BAD_STATUS)])
def test_an_answer_that_is_broken_after_its_status_line_is_noted(
    send: Send, status: bytes, outcome: Outcome, answer: bytes, body: bytes
) -> None:
    with raw_receiving(answering(b"HTTP/1.1 %s X\r\n%s" % (status, answer))) as receiver:
        result = send(receiver.url)
    assert (result.outcome, result.response_code) == (outcome, int(status))
    assert (result.response_body, bool(result.detail)) == (body, True)


@pytest.mark.parametrize(
    "answer", [b"SSH-2.0-OpenSSH_9.9\r\n", b"HTTP/1.1 2000 OK\r\n\r\n", b"HTTP/1.1 abc OK\r\n\r\n", b"<html>\r\n"]
)
def test_what_is_no_http_is_no_success(send: Send, answer: bytes) -> None:
    with raw_receiving(answering(answer)) as receiver:
        result = send(receiver.url)
    assert (result.outcome, result.response_code) == (Outcome.RESPONSE_BROKEN, None)


@pytest.mark.parametrize(("code", "outcome"), [(200, Outcome.DELIVERED), (503, Outcome.BAD_STATUS)])
def test_a_status_line_in_small_letters_counts(send: Send, code: int, outcome: Outcome) -> None:
    with raw_receiving(answering(b"http/1.1 %d X\r\nContent-Length: 2\r\n\r\nok" % code)) as receiver:
        result = send(receiver.url)
    assert (result.outcome, result.response_code, result.response_body) == (outcome, code, b"ok")


def test_an_answer_that_ends_within_its_status_line_is_no_success(send: Send) -> None:
    with raw_receiving(answering(b"HTTP/1.1 20")) as receiver:
        assert send(receiver.url).outcome == Outcome.CONNECTION_FAILED
        assert receiver.connections == 1


@pytest.mark.parametrize("answer", [b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Le"])
def test_an_answer_that_ends_after_its_status_line_is_a_success(send: Send, answer: bytes) -> None:
    with raw_receiving(answering(answer)) as receiver:
        assert send(receiver.url).outcome == Outcome.DELIVERED
        assert receiver.connections == 1


def test_words_in_other_charsets_can_be_read(send: Send) -> None:
    body = "Der Schlüssel ist ungültig".encode("latin-1")
    head = b"HTTP/1.1 500 X\r\nContent-Type: text/plain; charset=ISO-8859-1\r\nContent-Length: %d\r\n" % len(body)
    with raw_receiving(answering(head + "X-Utf-8: ü\r\n".encode() + b"X-Latin: \xfc\r\n\r\n" + body)) as receiver:
        result = send(receiver.url)
    assert result.response_body == "Der Schlüssel ist ungültig".encode()
    assert result.response_headers[2:] == [("X-Utf-8", "ü"), ("X-Latin", "ü")]


def test_of_a_body_that_grows_in_utf_8_ten_kibibytes_are_kept(send: Send) -> None:
    head = b"HTTP/1.1 500 X\r\nContent-Type: text/plain; charset=koi8-r\r\nContent-Length: 10000\r\n\r\n"
    with raw_receiving(answering(head + "Ы".encode("koi8-r") * 10_000)) as receiver:
        result = send(receiver.url)
    assert result.response_body == "Ы".encode() * 5_120
    assert result.response_truncated


def test_a_negative_chunk_size_costs_no_memory(send: Send) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n"
    with raw_receiving(forever(head, b"z" * 65_536)) as receiver:
        tracemalloc.start()
        assert send(receiver.url).outcome == Outcome.DELIVERED
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 4 * 2**20


def test_a_head_of_many_large_fields_is_not_read_to_its_end(send: Send) -> None:
    head = b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: %s\r\n" % (n, b"y" * 60_000) for n in range(90)) + b"\r\n"
    with raw_receiving(answering(head)) as receiver:
        result = send(receiver.url)
    assert (result.outcome, result.detail) == (Outcome.DELIVERED, "its head has over 65,536 bytes")


@pytest.mark.parametrize(
    ("start", "outcome"), [(b"X-Long: ", Outcome.DELIVERED), (b"HTTP/1.1 200 ", Outcome.RESPONSE_BROKEN)]
)
def test_a_line_of_a_head_that_is_far_too_long_is_told(send: Send, start: bytes, outcome: Outcome) -> None:
    head = start if start.startswith(b"HTTP") else b"HTTP/1.1 200 OK\r\n" + start
    with raw_receiving(answering(head + b"y" * 110_000 + b"\r\n\r\n")) as receiver:
        result = send(receiver.url)
    assert (result.outcome, result.detail) == (outcome, "its head has over 65,536 bytes")


def test_an_answer_with_hundreds_of_fields_is_read(send: Send) -> None:
    fields = b"".join(b"X-%d: %d\r\n" % (number, number) for number in range(300))
    with raw_receiving(answering(b"HTTP/1.1 200 OK\r\n%sContent-Length: 0\r\n\r\n" % fields)) as receiver:
        result = send(receiver.url)
    assert (result.outcome, result.detail) == (Outcome.DELIVERED, "")
    assert result.response_headers[:2] == [("X-0", "0"), ("X-1", "1")]
    assert len(result.response_headers) == 301


def test_of_chunks_with_endless_extensions_little_is_read(send: Send) -> None:
    sent = 0

    def handle(peer: socket.socket) -> None:
        nonlocal sent
        read_request(peer)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65_536)
        peer.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5")
        while True:
            sent += peer.send(b";extension=1" * 1_000)

    with raw_receiving(handle) as receiver:
        result = send(receiver.url)
    assert (result.outcome, result.response_body, result.response_truncated) == (Outcome.DELIVERED, b"", True)
    assert sent < 16 * 2**20  # with the buffers of the system


@pytest.mark.parametrize("pause", [0.0, 0.01])
def test_a_body_in_chunks_is_kept_joined(send: Send, pause: float) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    with raw_receiving(
        answering(head, b"5;x=y\r\nhel", b"lo\r\n1\r\n!\r\n0", b"\r\n\r\n", pause=pause, close=False)
    ) as receiver:
        results = [send(receiver.url) for _ in range(2)]
        assert receiver.connections == 1
    assert {(result.outcome, result.detail, result.response_body) for result in results} == {
        (Outcome.DELIVERED, "", b"hello!")
    }


def test_trailers_without_end_break_off_and_are_no_headers(send: Send) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"
    with raw_receiving(forever(head, b"X-More: and more\r\n")) as receiver:
        result = send(receiver.url)
    assert (result.outcome, result.response_body) == (Outcome.DELIVERED, b"")
    assert result.response_headers == [("Transfer-Encoding", "chunked")]


@pytest.mark.parametrize("code", [100, 102, 103])
def test_interim_answers_without_end_break_off(send: Send, code: int) -> None:
    with raw_receiving(forever(b"", b"HTTP/1.1 %d Wait\r\n\r\n" % code * 100)) as receiver:
        result = send(receiver.url)
    assert (result.outcome, result.response_code) == (Outcome.RESPONSE_BROKEN, None)


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
        results = [send(receiver.url) for _ in range(2)]
        assert [(result.outcome, result.response_code, result.detail) for result in results] == [
            (Outcome.BAD_STATUS, 101, "")
        ] * 2
        assert receiver.connections == 2
    assert all(result.duration_ms < FAR_BEYOND_SECONDS * 1_000 for result in results)


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


def test_a_peer_that_does_not_read_a_large_body_times_out(send_briefly: Send) -> None:
    body = b"x" * 8 * 2**20  # more than fits into the system's buffers
    with raw_receiving(lambda peer: time.sleep(FAR_BEYOND_SECONDS)) as receiver:
        result = send_briefly(receiver.url, body)
    assert result.outcome == Outcome.TIMEOUT
    assert result.duration_ms < FAR_BEYOND_SECONDS * 1_000


def test_a_large_body_arrives_whole_and_at_once(send: Send, receiver: Receiver) -> None:
    body = b"x" * 2 * 2**20  # libcurl would ask first (Expect: 100-continue)
    result = send(receiver.url, body)
    assert (result.outcome, receiver.requests[0].body) == (Outcome.DELIVERED, body)
    assert "expect" not in receiver.requests[0].headers


def test_any_answer_is_accepted_but_none_that_is_compressed_asked_for(send: Send, receiver: Receiver) -> None:
    send(receiver.url)
    assert receiver.requests[0].headers["accept"] == "*/*"
    assert receiver.requests[0].path == "/hook"


@pytest.mark.parametrize("path", ["/a/../b/./c//d", "/%7Euser/%2E%2E/", "/a%20b?c=%20&d=[1]&e=+", "/?", "/a?", "/??"])
def test_the_path_is_requested_as_it_is(send: Send, receiver: Receiver, path: str) -> None:
    send(receiver.url.replace("/hook", path))
    assert receiver.requests[0].path == path


@pytest.mark.parametrize("end", [reset, socket.socket.close], ids=["reset", "closed"])
@pytest.mark.parametrize("is_read", [False, True], ids=["at once", "later"])
def test_a_connection_that_ends_in_the_tls_handshake_is_a_failed_connection(
    send: Send, end: Callable[[socket.socket], None], is_read: bool
) -> None:
    """That tells nothing of a certificate. Firewalls and load balancers do it."""

    def handle(peer: socket.socket) -> None:
        if is_read:
            peer.settimeout(0.1)
            with contextlib.suppress(TimeoutError):
                while peer.recv(65_536):
                    pass
        end(peer)

    with raw_receiving(handle) as receiver:
        result = send(receiver.url.replace("http:", "https:"))
    assert result.outcome == Outcome.CONNECTION_FAILED
    assert result.detail in ("Connection reset by peer", "Broken pipe", "unexpected eof while reading")


def test_what_went_wrong_in_the_tls_handshake_is_told_without_codes(send: Send, receiver: Receiver) -> None:
    result = send(receiver.url.replace("http:", "https:"))
    assert (result.outcome, result.detail) == (Outcome.TLS_FAILED, "wrong version number")


def test_200_and_then_a_reset_is_a_success(send: Send) -> None:
    def handle(peer: socket.socket) -> None:
        read_request(peer)
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome")
        time.sleep(0.05)
        reset(peer)

    with raw_receiving(handle) as receiver:
        result = send(receiver.url)
    assert (result.outcome, result.response_code, result.response_body) == (Outcome.DELIVERED, 200, b"some")
    assert result.detail


def test_headers_go_out_as_they_are_given(send: Send, receiver: Receiver) -> None:
    """Also one that is empty, which libcurl would leave out, and a name that libcurl has a value of its own for."""
    given = {"X-Empty": "", "X-Tag": "a: b; c", "User-Agent": "ours", "Accept": "text/plain"}
    send(receiver.url, headers=given)
    assert {name: receiver.requests[0].headers[name.lower()] for name in given} == given


def test_each_request_has_a_time_of_its_own(send: Send) -> None:
    with raw_receiving(lambda peer: time.sleep(FAR_BEYOND_SECONDS)) as receiver, ThreadPoolExecutor(2) as pool:
        longer, shorter = pool.map(lambda seconds: send(receiver.url, seconds=seconds), (1.0, 0.2))
    assert longer.outcome == shorter.outcome == Outcome.TIMEOUT
    assert longer.duration_ms > 900
    assert shorter.duration_ms < 900


@pytest.mark.parametrize("start", ["HTTP/1.1 500 X\r\n", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 500 X\r\n"])
def test_a_header_that_looks_like_a_status_line_is_none(send: Send, start: str) -> None:
    answer = f"{start}HTTP/1.1 200: x\r\nContent-Length: 2\r\n\r\nok".encode()
    with raw_receiving(answering(answer)) as receiver:
        result = send(receiver.url)
    assert (result.outcome, result.response_code) == (Outcome.BAD_STATUS, 500)
