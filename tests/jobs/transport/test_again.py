"""When a sender reuses a connection, when it repeats a request, and how long an endpoint asks it to wait."""

import contextlib
import itertools
import socket
import ssl
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from jobs.send import Result
from tests.jobs.sending import BODY, TIMEOUT_SECONDS, Send, answering, sending
from tests.jobs.transport.conftest import OK
from tests.support.certificates import make_certificate
from tests.support.receivers import Received, Receiver, raw_receiving, read_request
from webhooks_ui.deliveries.outcomes import Outcome

SETTINGS = b"\0\0\0\4\0\0\0\0\0"  # frames of HTTP/2 (RFC 9113, section 4.1)
TIMED_OUT = b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 17\r\nConnection: close\r\n\r\nidle for too long"
ANSWER = b"\0\0\1\1\5"  # the beginning of a head that ends the stream


def test_a_connection_is_used_again(send: Send, receiver: Receiver) -> None:
    for _ in range(5):
        assert send(receiver.url).outcome == Outcome.DELIVERED
    assert receiver.connections == 1


def test_a_kept_connection_that_the_server_closes_as_we_write_is_tried_once_more(send: Send) -> None:
    """The first connection answers once. It closes on the second request, before it has sent a byte."""
    received = []

    def handle(peer: socket.socket) -> None:
        received.append(read_request(peer))
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        if len(received) == 1:
            read_request(peer)

    with raw_receiving(handle) as receiver:
        assert send(receiver.url).outcome == Outcome.DELIVERED
        assert send(receiver.url).outcome == Outcome.DELIVERED
        assert receiver.connections == 2


@pytest.mark.parametrize("is_reset", [False, True], ids=["closed", "reset"])
@pytest.mark.parametrize("together", [1, 8])
@pytest.mark.parametrize("kept", [2, 3, 8])
def test_a_request_is_delivered_however_many_kept_connections_have_died(
    send: Send, kept: int, together: int, is_reset: bool
) -> None:
    """All kept connections end with the next request on them, before they have sent a byte. New ones are answered."""
    with dying(kept, is_reset) as endpoint, ThreadPoolExecutor(max(kept, together)) as pool:
        assert {result.outcome for result in pool.map(send, [endpoint.url] * kept)} == {Outcome.DELIVERED}
        results = list(pool.map(send, [endpoint.url] * together, [b"%d" % number for number in range(together)]))
        assert [(result.outcome, result.detail) for result in results] == [(Outcome.DELIVERED, "")] * together
    bodies = Counter(request.body for request in endpoint.requests)
    assert bodies.pop(BODY) == kept, "what was answered is not sent again"
    assert len(bodies) == together
    assert max(bodies.values()) == 2


@pytest.mark.parametrize("kept", [1, 2, 8])
def test_an_endpoint_that_ends_new_connections_too_is_asked_twice(send: Send, kept: int) -> None:
    with dying(kept, is_reset=True, for_ever=True) as endpoint, ThreadPoolExecutor(kept) as pool:
        assert {result.outcome for result in pool.map(send, [endpoint.url] * kept)} == {Outcome.DELIVERED}
        result = send(endpoint.url, b"1")
    assert (result.outcome, result.detail) == (Outcome.CONNECTION_FAILED, "Connection reset by peer")
    assert [request.body for request in endpoint.requests].count(b"1") == 2


@pytest.mark.parametrize(("seconds", "last"), [(0, (Outcome.DELIVERED, 200)), (1.1, (Outcome.BAD_STATUS, 408))])
def test_a_kept_connection_that_ends_with_408_at_once_is_tried_once_more(
    send: Send, seconds: float, last: tuple[Outcome, int]
) -> None:
    """The first connection is idle for too long. What comes later than that may be meant for the request."""

    def handle(peer: socket.socket) -> None:
        read_request(peer)
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        if receiver.connections == 1 and read_request(peer):
            time.sleep(seconds)
            peer.sendall(TIMED_OUT)

    with raw_receiving(handle) as receiver:
        assert send(receiver.url).outcome == Outcome.DELIVERED
        result = send(receiver.url)
        assert (result.outcome, result.response_code) == last
        assert result.response_body == (b"ok" if last[1] == 200 else b"idle for too long")


@pytest.mark.parametrize("length", [40, 80], ids=["head", "body"])
def test_a_408_that_breaks_off_does_not_spoil_the_next_answer(send: Send, length: int) -> None:

    def handle(peer: socket.socket) -> None:
        read_request(peer)
        peer.sendall(OK)
        if receiver.connections == 1 and read_request(peer):
            peer.sendall(TIMED_OUT[:length])

    with raw_receiving(handle) as receiver:
        send(receiver.url)
        result = send(receiver.url)
        assert (result.outcome, result.response_code, result.detail) == (Outcome.DELIVERED, 200, "")


def test_an_endpoint_that_answers_408_is_asked_twice_on_a_kept_connection_and_once_on_a_new_one(send: Send) -> None:
    received = []

    def handle(peer: socket.socket) -> None:
        while read_request(peer):
            received.append(receiver.connections)
            is_first = len(received) == 1
            peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" if is_first else TIMED_OUT)

    with raw_receiving(handle) as receiver:
        assert send(receiver.url).outcome == Outcome.DELIVERED
        assert send(receiver.url).response_code == 408
        assert received == [1, 1, 2]
        assert send(receiver.url).response_code == 408
        assert received == [1, 1, 2, 3]


def test_a_kept_connection_that_gave_a_byte_is_not_tried_again(send: Send) -> None:
    answered = []

    def handle(peer: socket.socket) -> None:
        read_request(peer)
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        if read_request(peer):
            answered.append(True)
            peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe")

    with raw_receiving(handle) as receiver:
        send(receiver.url)
        assert send(receiver.url).detail
        assert (answered, receiver.connections) == ([True], 1)


def test_a_kept_connection_that_is_reset_within_the_head_is_not_tried_again(send: Send) -> None:
    received = []

    def handle(peer: socket.socket) -> None:
        received.append(read_request(peer))
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        received.append(read_request(peer))
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Le")
        time.sleep(0.05)
        reset(peer)

    with raw_receiving(handle) as receiver:
        assert send(receiver.url).detail == ""
        assert send(receiver.url).detail != ""
    assert len(received) == 2


def test_a_fresh_connection_that_closes_without_a_byte_is_not_tried_again(send: Send) -> None:
    with raw_receiving(answering()) as receiver:
        assert send(receiver.url).outcome == Outcome.CONNECTION_FAILED
        assert receiver.connections == 1


def test_what_a_server_says_on_an_idle_connection_is_not_the_next_answer(send: Send) -> None:
    def handle(peer: socket.socket) -> None:
        while read_request(peer):
            peer.sendall(b"HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n")
            time.sleep(0.05)
            peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    with raw_receiving(handle) as receiver:
        for connections in range(1, 4):
            assert send(receiver.url).response_code == 500
            assert receiver.connections == connections
            time.sleep(0.2)  # the endpoint talks while the connection is idle


def test_a_connection_that_the_server_closed_meanwhile_is_not_used(send: Send) -> None:
    closed = threading.Event()

    def handle(peer: socket.socket) -> None:
        read_request(peer)
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        peer.close()
        closed.set()

    with raw_receiving(handle) as receiver:
        for connections in range(1, 4):
            assert send(receiver.url).outcome == Outcome.DELIVERED
            assert receiver.connections == connections
            assert closed.wait(10)
            closed.clear()


def test_a_connection_is_used_again_after_a_failure_too(send: Send, receiver: Receiver) -> None:
    receiver.answers = [(500, {}, b"no"), (404, {}, b""), (200, {}, b"ok")]
    assert [send(receiver.url).response_code for _ in range(3)] == [500, 404, 200]
    assert receiver.connections == 1


def test_an_answer_that_is_longer_than_what_is_kept_ends_its_connection(send: Send, receiver: Receiver) -> None:
    receiver.answers = [(200, {}, b"x" * 100_000)]
    assert [len(send(receiver.url).response_body or b"") for _ in range(2)] == [10_240, 10_240]
    assert receiver.connections == 2


@pytest.mark.parametrize(("first", "second"), [("2", "30"), ("30", "2"), ("soon", "30")])
def test_of_several_retry_after_headers_the_longest_counts(send: Send, first: str, second: str) -> None:
    def handle(peer: socket.socket) -> None:
        read_request(peer)
        fields = f"Retry-After: {first}\r\nretry-after: {second}\r\n"
        peer.sendall(f"HTTP/1.1 429 Too Many Requests\r\n{fields}Content-Length: 0\r\n\r\n".encode())
        peer.close()

    with raw_receiving(handle) as receiver:
        assert send(receiver.url).retry_after_seconds == 30


@pytest.mark.parametrize("frame", [b"\0\0\4\3\0\0\0\0\1\0\0\0\7", b"\0\0\10\7" + b"\0" * 13], ids=["stream", "goaway"])
def test_an_endpoint_that_sheds_load_by_http_2_is_asked_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, frame: bytes
) -> None:
    """The frames are RST_STREAM with REFUSED_STREAM, and GOAWAY that says that no stream was taken (RFC 9113, 8.7)."""
    context = speaking_http_2(tmp_path, monkeypatch)
    asked = []

    def handle(peer: socket.socket) -> None:
        with context.wrap_socket(peer, server_side=True) as secure:
            secure.sendall(SETTINGS)
            received = b""
            while b'{"id"' not in received:
                received += secure.recv(65_536)
            asked.append(received)
            secure.sendall(frame)
            secure.recv(65_536)

    with raw_receiving(handle) as endpoint, sending() as send:
        result = send(endpoint.url.replace("http:", "https:"))
    assert result.outcome != Outcome.DELIVERED
    assert result.detail == "it refused the request, and its repetition, too"
    assert len(asked) == 2


@pytest.mark.parametrize("answered", [0, 1], ids=["new", "kept"])
def test_a_connection_of_http_2_that_falls_silent_is_used_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answered: int
) -> None:
    context = speaking_http_2(tmp_path, monkeypatch)
    numbers = itertools.count()

    def handle(peer: socket.socket) -> None:
        is_first = next(numbers) == 0
        with context.wrap_socket(peer, server_side=True) as secure:
            for number, stream in enumerate(requests_on(secure)):
                if number < answered or not is_first:
                    secure.sendall(ANSWER + stream)

    with raw_receiving(handle) as endpoint, sending(TIMEOUT_SECONDS) as send:
        url = endpoint.url.replace("http:", "https:")
        outcomes = [send(url).outcome for _ in range(5)]
    assert outcomes[-2:] == [Outcome.DELIVERED] * 2
    assert outcomes.count(Outcome.TIMEOUT) <= 2
    assert endpoint.connections == 2


def test_requests_on_kept_connections_of_http_2_that_are_reset_are_delivered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = speaking_http_2(tmp_path, monkeypatch)
    kept = 8
    numbers, together = itertools.count(), threading.Barrier(kept)

    def handle(peer: socket.socket) -> None:
        is_kept = next(numbers) < kept
        if is_kept:
            together.wait(20)  # a sender that knew of one connection of HTTP/2 would open no other one
        with context.wrap_socket(peer, server_side=True) as secure:
            for number, stream in enumerate(requests_on(secure)):
                if is_kept and number:
                    return reset(secure)
                secure.sendall(ANSWER + stream)

    with raw_receiving(handle) as endpoint, sending() as send, ThreadPoolExecutor(kept) as pool:
        urls = [endpoint.url.replace("http:", "https:")] * kept
        assert {result.outcome for result in pool.map(send, urls)} == {Outcome.DELIVERED}
        assert [result.detail for result in pool.map(send, urls)] == [""] * kept


def test_a_connection_of_http_2_on_which_the_server_speaks_between_requests_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = speaking_http_2(tmp_path, monkeypatch)
    spoke = threading.Semaphore(0)

    def handle(peer: socket.socket) -> None:
        with context.wrap_socket(peer, server_side=True) as secure:
            for stream in requests_on(secure):
                secure.sendall(ANSWER + stream)
                time.sleep(0.05)
                secure.sendall(SETTINGS)
                spoke.release()

    with raw_receiving(handle) as endpoint, sending() as send:
        for _ in range(3):
            assert send(endpoint.url.replace("http:", "https:")).outcome == Outcome.DELIVERED
            assert spoke.acquire(timeout=20)
            time.sleep(0.1)  # the sender would end the connection now
    assert endpoint.connections == 1


def test_a_connection_of_http_2_on_which_others_are_answered_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = speaking_http_2(tmp_path, monkeypatch)

    def handle(peer: socket.socket) -> None:
        with context.wrap_socket(peer, server_side=True) as secure:
            for number, stream in enumerate(requests_on(secure)):
                if number != 1:
                    secure.sendall(ANSWER + stream)

    with raw_receiving(handle) as endpoint, sending() as send, ThreadPoolExecutor(1) as pool:
        url = endpoint.url.replace("http:", "https:")
        send(url)
        slow = pool.submit(send, url, seconds=TIMEOUT_SECONDS)
        outcomes = {send(url).outcome for _ in until_done(slow)}
        assert (slow.result().outcome, outcomes) == (Outcome.TIMEOUT, {Outcome.DELIVERED})
        assert send(url).outcome == Outcome.DELIVERED
    assert endpoint.connections == 1


def test_a_webhook_with_little_time_ends_no_connection_of_http_2_on_which_another_one_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = speaking_http_2(tmp_path, monkeypatch)
    arrived, gave_up = threading.Event(), threading.Event()

    def handle(peer: socket.socket) -> None:
        with context.wrap_socket(peer, server_side=True) as secure:
            streams = requests_on(secure)
            secure.sendall(ANSWER + next(streams))
            patient = next(streams)
            arrived.set()
            gave_up.wait(20)
            secure.sendall(ANSWER + patient)
            list(streams)  # a connection that is closed before all is read would be reset, and the answer might be lost

    with raw_receiving(handle) as endpoint, sending() as send, ThreadPoolExecutor(1) as pool:
        url = endpoint.url.replace("http:", "https:")
        send(url)
        patient = pool.submit(send, url, seconds=20)
        assert arrived.wait(20)
        assert send(url, seconds=TIMEOUT_SECONDS).outcome == Outcome.TIMEOUT
        gave_up.set()
        assert patient.result().outcome == Outcome.DELIVERED
    assert endpoint.connections == 1


@contextlib.contextmanager
def dying(kept: int, is_reset: bool, *, for_ever: bool = False) -> Iterator[Receiver]:
    """Run an endpoint whose first connections answer one request each, all at once, and end with the next one.

    Args:
        kept: how many connections that are.
        is_reset: they end with a reset.
        for_ever: new connections end with their first request.
    """
    together, lock = threading.Barrier(kept), threading.Lock()
    numbers = itertools.count()

    def handle(peer: socket.socket) -> None:
        number = next(numbers)
        for turn in itertools.count():
            if not (request := read_request(peer)):
                return
            with lock:
                receiver.requests.append(Received({}, request.partition(b"\r\n\r\n")[2], ""))
            if number < kept and not turn:
                together.wait(20)
            elif number < kept or for_ever:
                return reset(peer) if is_reset else None
            peer.sendall(OK)

    with raw_receiving(handle) as receiver:
        yield receiver


def reset(connection: socket.socket) -> None:
    """End a connection with RST of TCP."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    connection.close()


def speaking_http_2(folder: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """Return what a server needs for TLS with HTTP/2. The sender trusts its certificate."""
    certificate, key = make_certificate(folder, "127.0.0.1", 30)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.set_alpn_protocols(["h2"])
    return context


def requests_on(connection: ssl.SSLSocket) -> Iterator[bytes]:
    """Agree on HTTP/2. Yield the number of the stream of each request, and the rest of a head that says 200."""
    connection.sendall(SETTINGS)
    received, stream = b"", 1
    while piece := connection.recv(65_536):
        received += piece
        while BODY in received:
            received = received.partition(BODY)[2]
            yield stream.to_bytes(4) + b"\x88"
            stream += 2


def until_done(future: Future[Result]) -> Iterator[None]:
    """Yield until a request is over."""
    while not future.done():
        yield
