"""Connections of HTTP/2: which are used again, and which requests on them are repeated."""

import itertools
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from jobs.send import Result
from tests.jobs.sending import BODY, TIMEOUT_SECONDS, sending
from tests.support.certificates import make_certificate
from tests.support.receivers import raw_receiving, read_request, reset
from webhooks_ui.deliveries.outcomes import Outcome

SETTINGS = b"\0\0\0\4\0\0\0\0\0"  # frames of HTTP/2 (RFC 9113, section 4.1)
ANSWER = b"\0\0\1\1\5"  # the beginning of a head that ends the stream
HTTP_1_1_REQUIRED = b"\0\0\4\3\0%s\0\0\0\x0d"  # RST_STREAM, with the number of the stream


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


@pytest.mark.parametrize("accepted", [0, 1], ids=["always", "from some time on"])
def test_an_endpoint_that_wants_http_1_after_all_gets_each_request_by_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, accepted: int
) -> None:
    """IIS does so if it asks for a client certificate only once it knows the path (RFC 9113, sections 7 and 9.2.1)."""
    context = speaking_http_2(tmp_path, monkeypatch)
    context.set_alpn_protocols(["h2", "http/1.1"])
    asked: list[str] = []

    def handle(peer: socket.socket) -> None:
        with context.wrap_socket(peer, server_side=True) as secure:
            version = secure.selected_alpn_protocol() or ""
            if version == "http/1.1":
                while read_request(secure):
                    asked.append(version)
                    secure.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            else:
                for stream in requests_on(secure):
                    asked.append(version)
                    is_refused = len(asked) > accepted
                    secure.sendall(HTTP_1_1_REQUIRED % stream[:4] if is_refused else ANSWER + stream)

    with raw_receiving(handle) as endpoint, sending() as send:
        url = endpoint.url.replace("http:", "https:")
        results = [send(url) for _ in range(5)]
    assert [(result.outcome, result.detail) for result in results] == [(Outcome.DELIVERED, "")] * 5
    assert asked == ["h2"] * (accepted + 1) + ["http/1.1"] * (5 - accepted)


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
