"""When a sender reuses a connection, when it repeats a request, and how long an endpoint asks it to wait."""

import contextlib
import itertools
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.jobs.sending import BODY, Send, answering
from tests.jobs.transport.conftest import OK
from tests.support.receivers import Received, Receiver, raw_receiving, read_request, reset
from webhooks_ui.deliveries.outcomes import Outcome

TIMED_OUT = b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 17\r\nConnection: close\r\n\r\nidle for too long"


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
