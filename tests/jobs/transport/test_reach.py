"""Reach finds the first step that keeps a connection from an endpoint, and sends no request."""

import socket
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest

from jobs.transport.reach import reach
from tests.jobs.sending import LOOPBACK, sending
from tests.support.authorities import Authority, asking
from tests.support.receivers import Receiver
from tests.support.rig import free_port
from webhooks_ui.deliveries.outcomes import Outcome

Serve = Callable[..., str]


def steps(url: str, *, shows_addresses: bool = True) -> list[tuple[str, str]]:
    return [(str(check.verdict), check.title) for check in reach(url, LOOPBACK, shows_addresses=shows_addresses)]


def last(url: str, *, shows_addresses: bool = True) -> str:
    found = [*reach(url, LOOPBACK, shows_addresses=shows_addresses)][-1].found
    return "".join(map(str, found))


def test_an_endpoint_that_takes_connections_gets_no_request(receiver: Receiver) -> None:
    named = receiver.url.replace("127.0.0.1", "localhost")
    assert steps(named) == [("success", "Its host name resolves"), ("success", "It takes connections")]
    assert receiver.requests == []


def test_an_address_has_no_name_that_resolves(receiver: Receiver) -> None:
    assert steps(receiver.url) == [("success", "It takes connections")]


def test_a_certificate_that_holds(serve: Serve, trusted: None) -> None:
    url = serve(days=30)
    assert steps(url)[-1] == ("success", "Its certificate is valid")
    assert "TLSv1.3. It ends 20" in last(url)


def test_a_certificate_that_expires_soon_is_a_note(serve: Serve, trusted: None) -> None:
    url = serve(days=3)
    assert steps(url)[-1] == ("pending", "Its certificate ends soon")
    assert last(url).endswith("Renew it soon.")


@pytest.mark.parametrize(
    ("certificate", "words"),
    [
        ({"days": -1}, "Certificate has expired."),
        ({"host": "other.example.com"}, "IP address mismatch"),
    ],
)
def test_a_certificate_that_does_not_hold(
    serve: Serve, trusted: None, certificate: dict[str, object], words: str
) -> None:
    url = serve(**certificate)
    assert steps(url)[-1] == ("failed", "Its certificate is not valid")
    assert words in last(url)


def test_an_old_cipher_that_deliveries_take_is_no_problem(serve: Serve, trusted: None) -> None:
    url = serve(cipher="ECDHE-ECDSA-AES128-SHA")
    with sending() as send:
        assert send(url).outcome == Outcome.DELIVERED
    assert steps(url)[-1] == ("success", "Its certificate is valid")


def test_a_port_that_speaks_no_tls(receiver: Receiver) -> None:
    url = receiver.url.replace("http:", "https:")
    assert steps(url)[-1] == ("failed", "No TLS connection is possible")
    assert last(url) == "TLS failed: wrong version number. Check that the port speaks TLS 1.2 or later."


@pytest.mark.parametrize(
    ("has_certificate", "step"),
    [(False, ("failed", "No TLS connection is possible")), (True, ("pending", "It can't be checked from here"))],
)
def test_an_endpoint_that_refuses_whoever_shows_no_certificate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_certificate: bool, step: tuple[str, str]
) -> None:
    authority = Authority()
    (tmp_path / "authority.pem").write_text(authority.pem)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "authority.pem"))
    with asking(authority, tmp_path, ssl.TLSVersion.TLSv1_2) as endpoint:
        found = list(reach(endpoint.url, LOOPBACK, shows_addresses=True, has_certificate=has_certificate))[-1]
    assert (found.verdict.value, found.title) == step
    assert "client certificate" in str(found.found)
    assert "_ssl" not in str(found.found)


def test_a_name_that_does_not_exist(names: dict[str, list[str]]) -> None:
    names["gone.example.com"] = []
    assert steps("https://gone.example.com/") == [("failed", "Its host name doesn't resolve")]
    assert last("https://gone.example.com/") == (
        "gone.example.com: Name or service not known. Check the name for a typing error."
    )


def test_name_servers_that_fail_are_no_typing_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    assert last("https://hooks.example.com/") == (
        "hooks.example.com: Temporary failure in name resolution. "
        "Check its name servers, and those that this machine asks."
    )


def test_nobody_listens() -> None:
    url = f"http://127.0.0.1:{free_port()}/"
    assert steps(url)[-1] == ("failed", "It takes no connections")
    assert "Connection refused" in last(url)


@pytest.mark.parametrize("url", ["https://10.0.0.1/", "https://127.0.0.1:6000/", "https://169.254.169.254/"])
def test_where_no_delivery_may_go_nothing_connects(url: str) -> None:
    assert steps(url) == [("failed", "No delivery may go there")]


def test_only_some_may_know_where_a_name_leads(names: dict[str, list[str]]) -> None:
    names["inside.example.com"] = ["10.1.2.3"]
    assert "10.1.2.3" in last("https://inside.example.com/")
    assert "10.1.2.3" not in last("https://inside.example.com/", shows_addresses=False)


def test_a_url_that_is_none() -> None:
    assert steps("https://[bad") == [("failed", "Its URL is not valid")]
