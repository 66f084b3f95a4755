"""Deliveries that may leave only through a proxy."""

from pathlib import Path

import pytest

from tests.bench.receivers import nginx
from tests.jobs.sending import TIMEOUT_SECONDS, answering, sending
from tests.support.certificates import make_certificate
from tests.support.proxy import proxying
from tests.support.receivers import Receiver, raw_receiving
from tests.support.rig import free_port
from webhooks_ui.deliveries.outcomes import NO_TUNNEL, Outcome


@pytest.mark.parametrize("credentials", ["me:s3cret", "me:paßwort"])
def test_every_delivery_goes_through_the_proxy_with_its_credentials(receiver: Receiver, credentials: str) -> None:
    with proxying(credentials) as proxy, sending(proxy=proxy.url.replace("//", f"//{credentials}@")) as send:
        results = [send(receiver.url) for _ in range(2)]
    address = receiver.url.split("/")[2]
    assert {(result.outcome, result.address, result.detail) for result in results} == {(Outcome.DELIVERED, address, "")}
    assert proxy.asked == [f"CONNECT {address}"]  # the connection is kept
    assert "proxy-authorization" not in receiver.requests[0].headers
    assert ("Via", "proxy") not in results[0].response_headers


def test_the_proxy_sees_no_header_of_a_delivery_by_https(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of a webhook may hold credentials. The proxy is only told who asks."""
    certificate = make_certificate(tmp_path, "127.0.0.1", 30)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate[0]))
    with nginx(certificate) as url, proxying() as proxy, sending(proxy=proxy.url) as send:
        assert send(url, headers={"Authorization": "Bearer s3cret"}).outcome == Outcome.DELIVERED
    (head,) = proxy.heads
    names = [line.partition(b":")[0] for line in head.splitlines()[1:-1]]
    assert head.startswith(b"CONNECT ")
    assert sorted(names) == [b"Host", b"Proxy-Connection", b"User-Agent"]
    assert b"\r\nUser-Agent: KeyManager-Webhooks/" in head


def test_a_secure_connection_goes_to_the_endpoint_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate = make_certificate(tmp_path, "127.0.0.1", 30)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate[0]))
    with nginx(certificate) as url, proxying() as proxy, sending(proxy=proxy.url) as send:
        result = send(url)
    assert (result.outcome, (result.tls or "")[:7]) == (Outcome.DELIVERED, "TLSv1.3")
    assert proxy.asked == [f"CONNECT {url.split('/')[2]}"]


def test_a_name_is_resolved_and_vetted_here_and_the_proxy_gets_the_address(
    receiver: Receiver, names: dict[str, list[str]]
) -> None:
    """The proxy can't be led elsewhere, because it doesn't resolve the name again."""
    port = receiver.url.split(":")[2].split("/")[0]
    names["hooks.example.com"] = ["127.0.0.1"]
    names["inside.example.com"] = ["10.1.2.3"]
    with proxying() as proxy, sending(proxy=proxy.url) as send:
        assert send(f"http://hooks.example.com:{port}/x").outcome == Outcome.DELIVERED
        assert send("https://inside.example.com/").outcome == Outcome.BLOCKED_ADDRESS
        assert send("https://10.0.0.1/").outcome == Outcome.BLOCKED_ADDRESS
    assert proxy.asked == [f"CONNECT 127.0.0.1:{port}"]
    assert receiver.requests[0].headers["host"] == f"hooks.example.com:{port}"


@pytest.mark.parametrize("credentials", ["", "me:wrong@"])
def test_a_proxy_that_refuses_us_is_named(receiver: Receiver, credentials: str) -> None:
    with proxying("me:s3cret") as proxy, sending(proxy=proxy.url.replace("//", f"//{credentials}")) as send:
        result = send(receiver.url)
    assert (result.outcome, result.response_code) == (Outcome.CONNECTION_FAILED, None)
    assert result.detail == "the egress proxy answered 407"
    assert receiver.requests == []


@pytest.mark.parametrize("answer", [b"SSH-2.0-OpenSSH_9.9\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n", b""])
def test_a_proxy_whose_answer_is_no_http_is_a_connection_that_failed(receiver: Receiver, answer: bytes) -> None:
    with proxying() as proxy, sending(TIMEOUT_SECONDS, proxy=proxy.url) as send:
        proxy.answer = answer + b"\r\n"
        result = send(receiver.url)
    assert (result.outcome, result.response_code) == (Outcome.CONNECTION_FAILED, None)
    assert "the egress proxy" in result.detail
    assert receiver.requests == []


def test_a_proxy_that_is_down_is_no_endpoint_that_refuses(receiver: Receiver) -> None:
    with sending(proxy=f"http://127.0.0.1:{free_port()}") as send:
        result = send(receiver.url)
    assert (result.outcome, result.detail) == (Outcome.CONNECTION_FAILED, "the egress proxy: Connection refused")
    assert receiver.requests == []


def test_the_certificate_must_name_the_endpoint_behind_the_proxy_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = make_certificate(tmp_path, "127.0.0.1", 30, is_named=False)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate[0]))
    with nginx(certificate) as url, proxying() as proxy, sending(proxy=proxy.url) as send:
        assert send(url).outcome == Outcome.TLS_FAILED


def test_the_next_address_is_asked_for_when_the_proxy_can_not_reach_the_first(
    receiver: Receiver, names: dict[str, list[str]]
) -> None:
    port = receiver.url.split(":")[2].split("/")[0]
    names["two.example.com"] = ["127.0.0.2", "127.0.0.1"]
    with proxying() as proxy, sending(proxy=proxy.url) as send:
        results = [send(f"http://two.example.com:{port}/{path}") for path in ("a", "b")]
    assert [(result.outcome, result.address) for result in results] == [(Outcome.DELIVERED, f"127.0.0.1:{port}")] * 2
    assert proxy.asked == [f"CONNECT 127.0.0.2:{port}", f"CONNECT 127.0.0.1:{port}"]


def test_addresses_that_the_proxy_can_not_reach_are_each_asked_for_once(names: dict[str, list[str]]) -> None:
    names["two.example.com"] = ["127.0.0.2", "127.0.0.3"]
    port = free_port()
    with proxying() as proxy, sending(proxy=proxy.url) as send:
        result = send(f"http://two.example.com:{port}/")
    assert (result.outcome, result.detail) == (Outcome.CONNECTION_FAILED, "the egress proxy answered 502")
    assert proxy.asked == [f"CONNECT 127.0.0.2:{port}", f"CONNECT 127.0.0.3:{port}"]


def test_a_proxy_that_hangs_is_named_and_the_next_attempt_asks_for_the_next_address(
    receiver: Receiver, names: dict[str, list[str]]
) -> None:
    port = receiver.url.split(":")[2].split("/")[0]
    names["two.example.com"] = ["127.0.0.2", "127.0.0.1"]
    with proxying() as proxy, sending(TIMEOUT_SECONDS, proxy=proxy.url) as send:
        proxy.hangs = True
        result = send(f"http://two.example.com:{port}/")
        proxy.hangs = False
        assert send(f"http://two.example.com:{port}/").outcome == Outcome.DELIVERED
    assert (result.outcome, result.detail) == (Outcome.TIMEOUT, NO_TUNNEL)
    assert proxy.asked == [f"CONNECT 127.0.0.2:{port}", f"CONNECT 127.0.0.1:{port}"]


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [(b"", Outcome.CONNECTION_FAILED), (b"hello\r\n\r\n", Outcome.RESPONSE_BROKEN)],
    ids=["closes", "no HTTP"],
)
def test_what_the_endpoint_does_wrong_is_not_blamed_on_the_proxy(answer: bytes, outcome: Outcome) -> None:
    with raw_receiving(answering(answer)) as endpoint, proxying() as proxy, sending(proxy=proxy.url) as send:
        through = send(endpoint.url)
        with sending() as directly:
            direct = directly(endpoint.url)
    assert through.outcome == outcome
    assert through.detail == direct.detail
    assert "proxy" not in through.detail


def test_an_untrusted_certificate_is_not_blamed_on_the_proxy(tmp_path: Path) -> None:
    with nginx(make_certificate(tmp_path, "127.0.0.1", 30)) as url, proxying() as proxy:
        with sending(proxy=proxy.url) as send:
            through = send(url)
        with sending() as send:
            assert through.detail == send(url).detail
    assert through.outcome == Outcome.TLS_FAILED
