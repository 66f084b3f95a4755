"""Which URLs a webhook may have. No test looks up a name on the network."""

import ipaddress
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from webhooks_ui.webhooks import targets
from webhooks_ui.webhooks.destination import TargetError
from webhooks_ui.webhooks.targets import check_url, is_allowed

LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))


@pytest.fixture(autouse=True)
def no_names(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Replace the resolver by one that knows only ``inside.example.com``."""
    table = {"inside.example.com": "10.1.2.3"}

    def look_up(host: str, *_: object, **__: object) -> object:
        if host not in table:
            raise socket.gaierror
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (table[host], 0))]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return table


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "127.1", "0x7f.1", "0x7f000001", "017700000001", "2130706433", "127.0.0.1."),
        *("10.0.0.1", "192.168.0.1", "172.16.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1"),
        *("[::1]", "[::127.0.0.1]", "[::ffff:10.0.0.1]", "[::ffff:0:127.0.0.1]", "[fec0::1]", "[fd00::1]", "[fe80::1]"),
        *("[64:ff9b::a00:1]", "[2002:7f00:1::]", "localhost", "localhost.", "a.localhost", "\uff11\uff12\uff17.0.0.1"),
        *("printer.local", "metadata.google.internal", "metadata", "ip6-localhost", "inside.example.com"),
    ],
)
def test_a_private_address_or_name_is_refused_in_any_notation(host: str) -> None:
    with pytest.raises(TargetError, match="private"):
        check_url(f"https://{host}/hook", ())


@pytest.mark.parametrize(
    "url",
    [
        *("", "example.com", "ftp://example.com/", "http://example.com/", "https://", "https:///x", "https://[v1.x]/"),
        *("https://a..b/", "https://.example.com/", "https://-a.com/", "https://xn--/", "https://%31%32%37.0.0.1/"),
        *("https://127.0.0.1%00.example.com/", "https://[fe80::1%25eth0]/", f"https://{'a' * 64}.com/"),
        *(
            f"https://{'a.' * 130}com/",
            "https://example.com:0/",
            "https://example.com:99999/",
            "https://user@example.com/",
        ),
        *(
            "https://user:pw@example.com/",
            "https://example.com/\u202e",
            "https://example.com/\x00",
            "https://exa mple.com/",
        ),
        *("https://example.com\\@10.0.0.1/", f"https://example.com/{'a' * 2_048}", "https://[::1/"),
    ],
)
def test_a_url_that_cannot_be_a_target_is_refused_with_a_sentence(url: str) -> None:
    with pytest.raises(TargetError, match=r"\.$"):
        check_url(url, ())


@pytest.mark.parametrize(
    "url",
    [
        *("https://example.com/hook", "https://EXAMPLE.com:8443/a%20b?c=d#e", "https://m\u00fcnchen.example/"),
        *("https://xn--mnchen-3ya.example/", "https://a_b.example.com/", "https://93.184.216.34/"),
        "https://[2606:2800:220:1::1]/",
    ],
)
def test_public_targets_are_accepted_even_before_their_name_resolves(url: str) -> None:
    check_url(url, ())


@pytest.mark.parametrize("url", ["http://127.0.0.1:9000/", "http://localhost/x", "http://[::1]:80/", "https://127.1/"])
def test_targets_in_allowed_networks_are_accepted_by_plain_http_too(url: str) -> None:
    check_url(url, LOOPBACK)


def test_a_mapped_address_counts_as_the_address_that_it_maps() -> None:
    assert is_allowed(ipaddress.ip_address("::ffff:127.0.0.1"), "http", LOOPBACK)
    assert not is_allowed(ipaddress.ip_address("::ffff:10.0.0.1"), "https", LOOPBACK)


@pytest.mark.parametrize("last", ["127.0.0.1", "10.0.0.1", "169.254.1.1", "192.168.0.1", "100.64.0.1", "0.0.0.0"])
def test_an_address_of_nat64_is_as_private_as_the_address_that_it_stands_for(last: str) -> None:
    address = ipaddress.ip_address(int(ipaddress.ip_address("64:ff9b::")) + int(ipaddress.ip_address(last)))
    assert not is_allowed(address, "https", LOOPBACK)
    assert not is_allowed(address, "http", LOOPBACK)


def test_a_public_host_behind_nat64_is_a_target_by_https_alone() -> None:
    public = ipaddress.ip_address("64:ff9b::5db8:d822")  # 93.184.216.34
    assert is_allowed(public, "https", ())
    assert not is_allowed(public, "http", ())
    assert not is_allowed(ipaddress.ip_address("64:ff9b:1::5db8:d822"), "https", ())  # for local use: RFC 8215


def test_a_resolver_that_hangs_is_asked_for_no_name_that_nobody_waits_for_any_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []
    goes_on = threading.Event()

    def hang(host: str, *_: object, **__: object) -> list[object]:
        asked.append(host)
        goes_on.wait(30)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    try:
        with ThreadPoolExecutor(50) as callers:
            waits = [callers.submit(targets.look_up_within, f"{number}.example.com", 0.3) for number in range(50)]
            assert all(isinstance(wait.exception(), TimeoutError) for wait in waits)
    finally:
        goes_on.set()
    assert targets.look_up_within("last.example.com", 10) == ()
    assert len(asked) < 20  # those that had begun, and this one
