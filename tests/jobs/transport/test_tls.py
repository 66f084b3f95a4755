"""Certificates that a sender accepts, those that it refuses, and the one that it shows."""

import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from jobs.transport.exchange import ClientCertificate
from tests.bench.receivers import nginx
from tests.jobs.sending import sending
from tests.support.certificates import make_certificate
from webhooks_ui.deliveries.outcomes import Outcome

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
Serve = Callable[..., str]


@pytest.mark.parametrize(
    ("certificate", "words"),
    [
        ({"days": -1}, "certificate has expired"),
        ({"host": "other.example.com"}, "the certificate is not valid for 127.0.0.1"),
        ({"is_named": False}, "the certificate is not valid for 127.0.0.1"),
    ],
    ids=["expired", "for another name", "without a subjectAltName"],
)
def test_a_certificate_that_does_not_hold(
    serve: Serve, trusted: None, certificate: dict[str, object], words: str
) -> None:
    url = serve(**certificate)
    with sending() as send:
        result = send(url)
    assert (result.outcome, result.detail) == (Outcome.TLS_FAILED, words)
    assert result.address == url.split("/")[2]


def test_a_certificate_that_nobody_vouches_for(serve: Serve) -> None:
    url = serve()
    with sending() as send:
        result = send(url)
    assert result.outcome == Outcome.TLS_FAILED
    assert "self-signed" in result.detail


def test_the_folder_of_the_authorities_may_have_any_name(
    serve: Serve, trusted: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """pycurl takes no text with other letters than those of ASCII."""
    folder = tmp_path / "Ordner für b%20c#d?e"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    url = serve()
    with sending() as send:
        assert send(url).outcome == Outcome.DELIVERED


def test_a_common_name_is_no_name(serve: Serve, trusted: None, names: dict[str, list[str]]) -> None:
    """RFC 9110, section 4.3.4: only the subjectAltName counts."""
    names["hooks.example.com"] = ["127.0.0.1"]
    url = serve("hooks.example.com", is_named=False).replace("127.0.0.1", "hooks.example.com")
    with sending() as send:
        result = send(url)
    assert (result.outcome, result.detail) == (
        Outcome.TLS_FAILED,
        "the certificate is not valid for hooks.example.com",
    )


@pytest.mark.parametrize("host", ["127.0.0.1", "hooks.example.com"])
def test_a_certificate_that_holds_is_accepted_and_noted_each_time(
    serve: Serve, trusted: None, names: dict[str, list[str]], host: str
) -> None:
    """Each request has a connection of its own, and the later ones resume the session of the first."""
    names["hooks.example.com"] = ["127.0.0.1"]
    url = serve(host).replace("127.0.0.1", host)
    with sending() as send:
        results = [send(url) for _ in range(3)]
    assert [(result.outcome, result.detail) for result in results] == [(Outcome.DELIVERED, "")] * 3
    assert {result.tls for result in results} == {"TLSv1.3 TLS_AES_256_GCM_SHA384"}


def test_what_is_known_of_a_connection_holds_for_later_requests_on_it(
    trusted: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = make_certificate(tmp_path, "127.0.0.1", 30)
    with nginx(certificate) as url, sending() as send:
        results = [send(url) for _ in range(3)]
    assert {(result.outcome, result.address, result.tls) for result in results} == {
        (Outcome.DELIVERED, url.split("/")[2], "TLSv1.3 TLS_AES_256_GCM_SHA384")
    }


def test_an_endpoint_may_speak_http_2(trusted: None, tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path, "127.0.0.1", 30)
    with nginx(certificate) as url, sending() as send:
        result = send(url)
    assert (result.outcome, result.response_code, result.response_body) == (Outcome.DELIVERED, 200, b"ok")
    assert ("x-protocol", "HTTP/2.0") in result.response_headers


def test_an_endpoint_that_asks_for_a_client_certificate_gets_it(serve: Serve, trusted: None, tmp_path: Path) -> None:
    url = serve(asks=True)
    own = ClientCertificate((tmp_path / "certificate.pem").read_bytes(), (tmp_path / "key.pem").read_bytes())
    with sending() as send:
        assert send(url).outcome in (Outcome.TLS_FAILED, Outcome.CONNECTION_FAILED)
        assert send(url, client_certificate=own).outcome == Outcome.DELIVERED
        assert send(url).outcome in (Outcome.TLS_FAILED, Outcome.CONNECTION_FAILED)


def test_requests_that_share_an_http_2_connection_know_where_it_leads(
    trusted: None, tmp_path: Path, names: dict[str, list[str]]
) -> None:
    names["hooks.example.com"] = ["127.0.0.1"]
    certificate = make_certificate(tmp_path, "hooks.example.com", 30)
    with nginx(certificate) as url, sending() as send, ThreadPoolExecutor(20) as pool:
        url = url.replace("127.0.0.1", "hooks.example.com")
        results = [send(url), *pool.map(lambda _: send(url, b"x" * 100_000), range(20))]
    port = url.split(":")[2].split("/")[0]
    assert {(result.outcome, result.address) for result in results} == {(Outcome.DELIVERED, f"127.0.0.1:{port}")}
