"""An endpoint that speaks TLS."""

import contextlib
import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.jobs.sending import answering
from tests.support.certificates import make_certificate
from tests.support.receivers import Receiver, raw_receiving

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
Serve = Callable[..., str]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Yield a function that serves https on loopback, and returns the URL. Most arguments are the certificate's."""
    with contextlib.ExitStack() as stack:

        def start(
            host: str = "127.0.0.1", days: int = 30, *, is_named: bool = True, asks: bool = False, cipher: str = ""
        ) -> str:
            certificate, key = make_certificate(tmp_path, host, days, is_named=is_named)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate, key)
            if cipher:
                context.maximum_version = ssl.TLSVersion.TLSv1_2
                context.set_ciphers(cipher)
            if asks:
                context.verify_mode = ssl.CERT_REQUIRED
                context.load_verify_locations(certificate)

            def handle(peer: socket.socket) -> None:
                with context.wrap_socket(peer, server_side=True) as secure:
                    answering(OK)(secure)

            receiver: Receiver = stack.enter_context(raw_receiving(handle))
            return receiver.url.replace("http:", "https:")

        yield start


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trust the certificate of the server."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "certificate.pem"))
