"""No endpoint keeps the thread busy in which all others wait."""

import contextlib
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.send import Result, Sender
from jobs.transport.authorities import authorities_file
from jobs.transport.share import SHARE_SECONDS, STEP_SECONDS, Share
from tests.jobs.sending import BODY, HEADERS, LOOPBACK
from tests.support.certificates import make_certificate
from tests.support.receivers import Receiver, raw_receiving
from webhooks_ui.deliveries.outcomes import Outcome

SECONDS = 10.0
SETTINGS = b"\0\0\0\4\0\0\0\0\0"
GOAWAY = b"\0\0\10\7" + b"\0" * 5 + b"\x7f\xff\xff\xff" + b"\0" * 4  # that takes all streams so far (RFC 9113, 6.8)


@pytest.fixture
def flooding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Yield the URL of an endpoint that answers a request with GOAWAY, again and again."""
    certificate, key = make_certificate(tmp_path, "127.0.0.1", 30)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.set_alpn_protocols(["h2"])

    def handle(peer: socket.socket) -> None:
        ends_at = time.monotonic() + 2 * SECONDS
        with context.wrap_socket(peer, server_side=True) as secure:
            secure.sendall(SETTINGS)
            received = b""
            while BODY not in received:
                received += secure.recv(65_536)
            while time.monotonic() < ends_at:
                secure.sendall(GOAWAY * 1_000)

    with raw_receiving(handle) as endpoint:
        yield endpoint.url.replace("http:", "https:")


def test_an_endpoint_that_floods_us_by_http_2_holds_up_nobody(
    flooding: str, receiver: Receiver, tmp_path: Path
) -> None:
    with contextlib.closing(Sender(LOOPBACK, 8, authorities_file(tmp_path))) as sender:
        began, longest = time.monotonic(), 0.0
        sender.start("flood", flooding, HEADERS, BODY, SECONDS)
        results: dict[str, Result] = {}
        while "flood" not in results:
            sender.start("other", receiver.url, HEADERS, BODY, SECONDS)
            turned = time.monotonic()
            results |= dict(sender.results(0.1))
            longest = max(longest, time.monotonic() - turned)
        assert longest < SECONDS / 2
        assert time.monotonic() - began < SECONDS
    flood = results["flood"]
    assert (flood.outcome, flood.detail) == (Outcome.CONNECTION_FAILED, "it sends without an end")


@pytest.fixture
def used(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return the processor time of the thread, which the test adds to."""
    used = [0.0]
    monkeypatch.setattr(time, "thread_time", lambda: sum(used))
    return used


def steps(shares: Share, used: list[float], holder: object, seconds: float) -> int:
    """Return how many steps of so many seconds ``holder`` may make, at most a thousand."""
    for step in range(1_000):
        if shares.is_used_up(holder):
            return step
        used.append(seconds)
    return 1_000


def test_a_share_is_used_up_by_many_steps_and_not_by_a_long_one(used: list[float]) -> None:
    least = round(SHARE_SECONDS / STEP_SECONDS)
    assert least <= steps(Share(), used, "a", STEP_SECONDS / 2) // 2 <= least + 1
    assert least <= steps(Share(), used, "a", 10.0) - 1 <= least + 1


def test_each_transfer_has_its_own_share_in_each_turn(used: list[float]) -> None:
    shares = Share()
    for _ in range(500):
        assert not shares.is_used_up("a")
        used.append(STEP_SECONDS)
        assert not shares.is_used_up("b")
    for _ in range(500):
        shares.begin_turn()
        assert not shares.is_used_up("a")
        used.append(STEP_SECONDS)
