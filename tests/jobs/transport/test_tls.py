"""Certificates that a sender accepts, and those that it refuses."""

import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jobs.send import Sender
from tests.jobs.sending import BODY, LOOPBACK, answering
from tests.support.certificates import make_certificate
from tests.support.receivers import Receiver, raw_receiving
from webhooks_ui.deliveries.outcomes import Outcome


@pytest.fixture
def tls_receiver(tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Yield a function that serves https on loopback, and returns the URL. Its arguments are the certificate's."""
    import contextlib

    with contextlib.ExitStack() as stack:

        def serve(host: str = "127.0.0.1", days: int = 30) -> str:
            certificate, key = make_certificate(tmp_path, host, days)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate, key)

            def handle(peer: socket.socket) -> None:
                with context.wrap_socket(peer, server_side=True) as secure:
                    answering(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")(secure)

            receiver: Receiver = stack.enter_context(raw_receiving(handle))
            return receiver.url.replace("http:", "https:")

        yield serve


@pytest.mark.parametrize(
    ("certificate", "trusted", "words"),
    [
        ({"days": -1}, True, "expired"),
        ({}, False, "self-signed"),
        ({"host": "other.example.com"}, True, "not valid for"),
    ],
    ids=["expired", "self-signed", "for another name"],
)
def test_a_certificate_that_does_not_hold(
    tls_receiver: Callable[..., str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    certificate: dict[str, object],
    trusted: bool,
    words: str,
) -> None:
    url = tls_receiver(**certificate)
    if trusted:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "certificate.pem"))
    result = Sender(LOOPBACK, 5, 2).send(url, {"Content-Length": str(len(BODY))}, BODY)
    assert result.outcome == Outcome.TLS_FAILED
    assert words.replace("-", " ") in result.detail.replace("-", " ")


def test_a_certificate_that_holds_is_accepted_and_noted(
    tls_receiver: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = tls_receiver()
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "certificate.pem"))
    result = Sender(LOOPBACK, 5, 2).send(url, {"Content-Length": str(len(BODY))}, BODY)
    assert (result.outcome, result.detail) == (Outcome.DELIVERED, "")
    assert (result.tls or "").startswith("TLSv1.3")
