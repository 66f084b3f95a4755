"""Client certificates: who gets to see which, what a refusal looks like, and that no connection mixes them up."""

import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from jobs.transport.exchange import ClientCertificate
from jobs.transport.failure import WANTS_CERTIFICATE
from tests.jobs.sending import sending
from tests.support.authorities import OK, Authority, Endpoint, Signed, asking
from tests.support.proxy import proxying
from webhooks_ui.deliveries.outcomes import Outcome, advise, explain

BOTH_VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]
LARGE = b"x" * 3_000_000


def shown(signed: Signed) -> ClientCertificate:
    return ClientCertificate(signed.certificate.encode(), signed.key.encode())


@pytest.fixture(params=BOTH_VERSIONS, ids=lambda version: version.name)
def endpoint(authority: Authority, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Endpoint]:
    with asking(authority, tmp_path, request.param) as endpoint:
        yield endpoint


def test_each_request_shows_the_certificate_of_its_own_webhook(authority: Authority, endpoint: Endpoint) -> None:
    """A kept connection has shown a certificate. It isn't used for a request with another one, or with none."""
    ada, bob = shown(authority.sign("ada")), shown(authority.sign("bob"))
    turns = [ada, bob, ada, bob, bob, ada]
    with sending() as send:
        results = [send(endpoint.url, client_certificate=pair) for pair in turns]
    assert [result.outcome for result in results] == [Outcome.DELIVERED] * 6
    assert endpoint.subjects == ["ada", "bob", "ada", "bob", "bob", "ada"]
    by_connection = {seen.connection: seen.subject for seen in endpoint.seen}
    assert sorted(filter(None, by_connection.values())) == ["ada", "bob"], "each has one connection, which is kept"


def test_a_kept_connection_with_a_certificate_is_not_used_without_one(authority: Authority, tmp_path: Path) -> None:
    with asking(authority, tmp_path, demands=False) as endpoint, sending() as send:
        ada = shown(authority.sign("ada"))
        for pair in (ada, None, ada, None):
            assert send(endpoint.url, client_certificate=pair).outcome == Outcome.DELIVERED
    assert endpoint.subjects == ["ada", None, "ada", None]
    assert len({seen.connection for seen in endpoint.seen}) == 2


def test_a_resumed_session_belongs_to_the_same_certificate(authority: Authority, endpoint: Endpoint) -> None:
    """A resumed TLS session has the identity of its first handshake (RFC 8446, 2.2; RFC 5246, F.1.4)."""
    endpoint.answers = [OK.replace(b"200 OK\r\n", b"200 OK\r\nConnection: close\r\n")]
    ada, bob = shown(authority.sign("ada")), shown(authority.sign("bob"))
    turns = [ada, bob, ada, bob, None, ada]
    with sending() as send:
        results = [send(endpoint.url, client_certificate=pair) for pair in turns]
    assert [result.outcome == Outcome.DELIVERED for result in results] == [True, True, True, True, False, True]
    assert endpoint.subjects == ["ada", "bob", "ada", "bob", "ada"]
    assert len({seen.connection for seen in endpoint.seen}) == 5


@pytest.mark.parametrize("version", BOTH_VERSIONS, ids=lambda version: version.name)
def test_a_session_that_nobody_vouched_for_is_resumed_by_nobody_else(
    authority: Authority, tmp_path: Path, version: ssl.TLSVersion
) -> None:
    with asking(authority, tmp_path, version, demands=False) as endpoint, sending() as send:
        endpoint.answers = [OK.replace(b"200 OK\r\n", b"200 OK\r\nConnection: close\r\n")]
        ada = shown(authority.sign("ada"))
        for pair in (None, None, ada, None, ada):
            assert send(endpoint.url, client_certificate=pair).outcome == Outcome.DELIVERED
    assert endpoint.subjects == [None, None, "ada", None, "ada"]
    if version is ssl.TLSVersion.TLSv1_3:  # the older one doesn't resume sessions here
        assert [seen.resumed for seen in endpoint.seen] == [False, True, False, True, False]


def test_certificates_of_the_same_name_are_told_apart(authority: Authority, endpoint: Endpoint) -> None:
    """Two webhooks may have certificates with the same subject and issuer. Only one of them is trusted here."""
    good, bad = shown(authority.sign("ada")), shown(Authority("Test CA").sign("ada"))
    with sending() as send:
        results = [send(endpoint.url, client_certificate=pair) for pair in (good, bad, good, bad)]
    refused = Outcome.CERTIFICATE_REFUSED
    assert [result.outcome for result in results] == [Outcome.DELIVERED, refused, Outcome.DELIVERED, refused]


def test_many_webhooks_at_once_are_never_mixed_up(authority: Authority, tmp_path: Path) -> None:
    pairs = {f"client-{n}": shown(authority.sign(f"client-{n}")) for n in range(8)}
    names = list(pairs) * 12
    with asking(authority, tmp_path) as endpoint, sending(30) as send, ThreadPoolExecutor(16) as pool:

        def deliver(name: str) -> Outcome:
            return send(endpoint.url, headers={"X-Client": name}, client_certificate=pairs[name]).outcome

        assert set(pool.map(deliver, names)) == {Outcome.DELIVERED}
    assert len(endpoint.seen) == len(names)
    for seen in endpoint.seen:
        assert f"X-Client: {seen.subject}\r\n".encode() in seen.head


@pytest.mark.parametrize("body", [b"{}", LARGE], ids=["small", "large"])
def test_a_refused_certificate_has_an_outcome_of_its_own(authority: Authority, endpoint: Endpoint, body: bytes) -> None:
    strange, ended = Authority("Other CA").sign("ada"), authority.sign("ada", days=-1)
    with sending() as send:
        for signed, words in ((strange, "unknown CA"), (ended, "certificate expired")):
            result = send(endpoint.url, body, shown(signed))
            assert result.outcome == Outcome.CERTIFICATE_REFUSED
            assert result.response_code is None
            # With TLS 1.3, the alert may be lost
            lost = "it asked for the certificate, and then ended the connection"
            assert result.detail in (f"it says: {words}", lost), result.detail
    assert endpoint.seen == []
    told = explain(result.outcome, None, result.detail)
    assert told.startswith("The endpoint refused the webhook's client certificate. (it ")
    assert "trusts its issuer" in advise(result.outcome)


def test_an_endpoint_that_wants_one_says_so_if_there_is_none(authority: Authority, endpoint: Endpoint) -> None:
    with sending() as send:
        result = send(endpoint.url)
    assert (result.outcome, result.detail) == (Outcome.TLS_FAILED, WANTS_CERTIFICATE)
    assert advise(result.outcome, result.detail) == ""


def test_nginx_accepts_the_handshake_and_then_refuses_with_400(authority: Authority, tmp_path: Path) -> None:
    page = b"<center><h1>400 Bad Request</h1></center><center>%s</center>"
    with asking(authority, tmp_path, demands=False) as endpoint, sending() as send:
        for words in (b"The SSL certificate error", b"No required SSL certificate was sent"):
            body = page % words
            endpoint.answers = [b"HTTP/1.1 400 Bad Request\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)]
            result = send(endpoint.url, client_certificate=shown(authority.sign("ada")))
            assert (result.outcome, result.response_code) == (Outcome.CERTIFICATE_REFUSED, 400)
        result = send(endpoint.url)
        assert (result.outcome, result.detail) == (Outcome.BAD_STATUS, WANTS_CERTIFICATE)
        endpoint.answers = [b"HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\nno"]
        result = send(endpoint.url, client_certificate=shown(authority.sign("ada")))
        assert (result.outcome, result.detail) == (Outcome.BAD_STATUS, "")


@pytest.mark.parametrize("part", ["certificate", "key", "other key"])
def test_a_pair_that_cannot_be_used_has_an_outcome_of_its_own(
    authority: Authority, endpoint: Endpoint, part: str
) -> None:
    pair = shown(authority.sign("ada"))
    broken = {
        "certificate": pair._replace(certificate=b"no PEM"),
        "key": pair._replace(key=b"no PEM"),
        "other key": pair._replace(key=authority.sign("bob").key.encode()),
    }[part]
    with sending() as send:
        result = send(endpoint.url, client_certificate=broken)
        assert result.outcome == Outcome.CERTIFICATE_UNUSABLE
        assert result.detail
        assert send(endpoint.url, client_certificate=pair).outcome == Outcome.DELIVERED
    assert endpoint.subjects == ["ada"]


def test_a_chain_is_shown_whole(authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An endpoint that trusts only the root needs the certificates between."""
    signed = authority.sign("ada")
    chain = signed._replace(certificate=signed.certificate + authority.pem)
    with asking(authority, tmp_path) as endpoint, sending() as send:
        assert send(endpoint.url, client_certificate=shown(chain)).outcome == Outcome.DELIVERED
    assert endpoint.subjects == ["ada"]


def test_a_redirect_is_not_followed_with_the_certificate(authority: Authority, tmp_path: Path) -> None:
    with asking(authority, tmp_path) as endpoint, sending() as send:
        endpoint.answers = [
            b"HTTP/1.1 307 Temporary Redirect\r\nLocation: https://127.0.0.1/\r\nContent-Length: 0\r\n\r\n"
        ]
        assert send(endpoint.url, client_certificate=shown(authority.sign("ada"))).response_code == 307
    assert len(endpoint.seen) == 1


def test_a_certificate_is_shown_to_the_endpoint_behind_an_egress_proxy(authority: Authority, tmp_path: Path) -> None:
    ada, bob = shown(authority.sign("ada")), shown(authority.sign("bob"))
    with asking(authority, tmp_path) as endpoint, proxying() as proxy, sending(proxy=proxy.url) as send:
        for pair in (ada, bob, ada):
            assert send(endpoint.url, client_certificate=pair).outcome == Outcome.DELIVERED
        strange = shown(Authority("Other CA").sign("ada"))
        assert send(endpoint.url, client_certificate=strange).outcome == Outcome.CERTIFICATE_REFUSED
    assert endpoint.subjects == ["ada", "bob", "ada"]
