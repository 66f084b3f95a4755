"""To which addresses a sender connects, and to which it doesn't, whatever a name or a redirect says."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.jobs.sending import BOTH_LOOPBACKS, FAR_BEYOND_SECONDS, Send, answering, sending
from tests.support.receivers import Receiver, raw_receiving
from tests.support.rig import free_port
from webhooks_ui.deliveries.outcomes import NO_NAME, Outcome


@pytest.mark.parametrize("target", ["http://10.0.0.1/", "https://example.com/", "/elsewhere"])
def test_a_redirect_is_not_followed_and_no_success(send: Send, receiver: Receiver, target: str) -> None:
    receiver.answers = [(301, {"Location": target}, b"")]
    result = send(receiver.url)
    assert (result.outcome, result.response_code) == (Outcome.BAD_STATUS, 301)
    assert len(receiver.requests) == 1


def test_a_port_where_nobody_listens_refuses(send: Send) -> None:
    port = free_port()
    result = send(f"http://127.0.0.1:{port}/")
    assert (result.outcome, result.address, result.detail) == (Outcome.REFUSED, f"127.0.0.1:{port}", "")


def test_a_name_that_does_not_resolve(send: Send, names: dict[str, list[str]], tried: list[object]) -> None:
    names["gone.example.com"] = []
    assert send("https://gone.example.com/").outcome == Outcome.DNS_FAILED
    assert tried == []


@pytest.mark.parametrize(
    "address",
    [
        "64:ff9b::a00:1",
        "2002:a00:1::",
        "2001:0:a00:1::",
        "fe80::1",
        "10.0.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "::1",
        "fd00::1",
    ],
)
def test_a_name_that_leads_to_a_private_address_is_blocked(
    send: Send, names: dict[str, list[str]], tried: list[object], address: str
) -> None:
    names["inside.example.com"] = ["93.184.216.34", address]
    result = send("https://inside.example.com/")
    assert result.outcome == Outcome.BLOCKED_ADDRESS
    assert address in result.detail
    assert tried == []


def test_a_public_host_is_tried_where_name_servers_add_an_address_of_nat64(
    send: Send, names: dict[str, list[str]], tried: list[object]
) -> None:
    names["public.example.com"] = ["64:ff9b::5db8:d822", "93.184.216.34"]
    assert send("https://public.example.com/").outcome != Outcome.BLOCKED_ADDRESS
    assert tried[0] == ("64:ff9b::5db8:d822", 443, 0, 0)


@pytest.mark.parametrize("host", ["[::ffff:10.0.0.1]", "0x0a000001", "167772161", "012.0.0.1", "10.1"])
def test_a_private_address_is_blocked_in_any_notation(send: Send, tried: list[object], host: str) -> None:
    assert send(f"https://{host}/").outcome in (Outcome.BLOCKED_ADDRESS, Outcome.DNS_FAILED)
    assert tried == []


def test_plain_http_goes_to_allowed_networks_only(send: Send, names: dict[str, list[str]], tried: list[object]) -> None:
    names["plain.example.com"] = ["93.184.216.34"]
    assert send("http://plain.example.com/").outcome == Outcome.BLOCKED_ADDRESS
    assert tried == []


def test_the_address_that_was_vetted_is_the_one_connected_to(
    send: Send, names: dict[str, list[str]], tried: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name would lead to loopback the second time. It must be resolved only once."""
    answers = iter([["93.184.216.34"], ["127.0.0.1"]])
    genuine = socket.getaddrinfo
    names["rebind.example.com"] = next(answers)

    def once(host: str, port: int, *args: object, **kwargs: object) -> object:
        found = genuine(host, port, *args, **kwargs)  # type: ignore[arg-type]
        names["rebind.example.com"] = next(answers)
        return found

    monkeypatch.setattr(socket, "getaddrinfo", once)
    send("https://rebind.example.com/")
    assert tried == [("93.184.216.34", 443)]


@contextlib.contextmanager
def silent(address: str, port: int) -> Iterator[None]:
    """Let nothing answer at an address: it neither accepts connections nor refuses them."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket(family))
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.listen(0)
        for _ in range(4):  # they fill the queue, so that the system drops what comes next
            waiting = stack.enter_context(socket.socket(family))
            waiting.setblocking(False)
            waiting.connect_ex((address, port))
        yield


@pytest.mark.parametrize("first", ["127.0.0.2", "::1"])
def test_the_next_address_is_tried_beside_a_silent_one_and_comes_first_the_next_time(
    names: dict[str, list[str]], receiver: Receiver, first: str
) -> None:
    """It starts 250 ms later, as RFC 8305 says. The one that answered is remembered."""
    port = int(receiver.url.split(":")[2].split("/")[0])
    names["two.example.com"] = [first, "127.0.0.1"]
    receiver.answers = [(200, {"Connection": "close"}, b"")]
    with silent(first, port), sending(allowed=BOTH_LOOPBACKS) as send:
        results = [send(f"http://two.example.com:{port}/") for _ in range(2)]
    assert [(r.outcome, r.address) for r in results] == [(Outcome.DELIVERED, f"127.0.0.1:{port}")] * 2
    assert 250 <= results[0].duration_ms < 5_000
    assert results[1].duration_ms < 250


def test_an_address_that_refuses_costs_no_time(send: Send, names: dict[str, list[str]], receiver: Receiver) -> None:
    port = int(receiver.url.split(":")[2].split("/")[0])
    names["two.example.com"] = ["127.0.0.2", "127.0.0.3", "127.0.0.1"]
    result = send(f"http://two.example.com:{port}/")
    assert (result.outcome, result.address) == (Outcome.DELIVERED, f"127.0.0.1:{port}")
    assert result.duration_ms < 250


def test_the_refusal_of_one_address_is_not_told_of_the_next(
    send: Send, names: dict[str, list[str]], receiver: Receiver
) -> None:
    port = int(receiver.url.split(":")[2].split("/")[0])
    names["two.example.com"] = ["127.0.0.2", "127.0.0.1"]
    result = send(f"https://two.example.com:{port}/")
    assert (result.outcome, result.detail) == (Outcome.TLS_FAILED, "wrong version number")


def test_an_address_that_answered_once_is_not_the_only_one_that_is_tried(
    names: dict[str, list[str]], receiver: Receiver
) -> None:
    """Of IPv6 and IPv4, libcurl begins with IPv6, unless the IPv4 address answered before."""
    port = int(receiver.url.split(":")[2].split("/")[0])
    names["two.example.com"] = ["::1", "127.0.0.1"]
    receiver.answers = [(200, {"Connection": "close"}, b"")]

    def answer(listener: socket.socket) -> None:
        with listener.accept()[0] as peer:
            answering(b"HTTP/1.1 201 X\r\n\r\n")(peer)

    with socket.socket(socket.AF_INET6) as other, sending(allowed=BOTH_LOOPBACKS) as send:
        assert send(f"http://two.example.com:{port}/").address == f"127.0.0.1:{port}"
        other.bind(("::1", 0))
        other.listen()
        moved = other.getsockname()[1]
        thread = threading.Thread(target=answer, args=(other,))
        thread.start()
        assert send(f"http://two.example.com:{moved}/").address == f"[::1]:{moved}"
        thread.join()


def test_a_proxy_in_the_environment_is_not_asked(
    send: Send, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    with raw_receiving(answering()) as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        assert send(receiver.url).outcome == Outcome.DELIVERED
        assert proxy.connections == 0


def test_resolvers_that_hang_hold_up_no_other_host(
    send_briefly: Send, receiver: Receiver, names: dict[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    released = threading.Event()
    genuine = socket.getaddrinfo

    def some_hang(host: str, *args: object, **kwargs: object) -> object:
        if host.startswith("slow"):
            released.wait(FAR_BEYOND_SECONDS)
        return genuine(host, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", some_hang)
    for number in range(40):
        names[f"slow{number}.example.com"] = ["127.0.0.1"]
    threads = [
        threading.Thread(target=send_briefly, args=(f"http://slow{number}.example.com/",)) for number in range(40)
    ]
    for thread in threads:
        thread.start()
    assert send_briefly(receiver.url.replace("127.0.0.1", "localhost")).outcome == Outcome.DELIVERED
    for thread in threads:
        thread.join()
    released.set()


def test_after_a_failure_the_name_is_resolved_anew(send: Send, receiver: Receiver, names: dict[str, list[str]]) -> None:
    """The endpoint has moved. Nobody listens at its old address."""
    url = receiver.url.replace("127.0.0.1", "moves.example.com")
    names["moves.example.com"] = ["127.0.0.2"]
    assert send(url).outcome == Outcome.REFUSED
    names["moves.example.com"] = ["127.0.0.1"]
    assert send(url).outcome == Outcome.DELIVERED


def test_a_resolver_that_hangs_times_out(send_briefly: Send, monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: released.wait(FAR_BEYOND_SECONDS))
    result = send_briefly("https://slow.example.com/")
    released.set()
    assert (result.outcome, result.detail) == (Outcome.TIMEOUT, NO_NAME)
    assert result.duration_ms < FAR_BEYOND_SECONDS * 1_000


def test_a_bad_port_is_blocked_before_a_connection_is_made(send: Send, tried: list[object]) -> None:
    """A webhook may have got its URL before the port was in the list."""
    result = send("https://127.0.0.1:6379/")
    assert result.outcome == Outcome.BLOCKED_ADDRESS
    assert result.address is None
    assert tried == []
    assert result.detail == "Port 6379 belongs to another protocol"


def test_of_names_that_hang_each_request_has_a_time_of_its_own(send: Send, monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: released.wait(FAR_BEYOND_SECONDS))
    with ThreadPoolExecutor(2) as pool:
        longer, shorter = pool.map(
            lambda seconds: send(f"https://a{seconds}.example.com/", seconds=seconds), (1.0, 0.2)
        )
    released.set()
    assert longer.outcome == shorter.outcome == Outcome.TIMEOUT
    assert longer.duration_ms > 900
    assert shorter.duration_ms < 900
