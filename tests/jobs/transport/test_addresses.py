"""To which addresses a sender connects, and to which it doesn't, whatever a name or a redirect says."""

import socket
import threading
import time

import pytest

from jobs.send import Sender
from jobs.transport.deadline import DeadlineSocket
from tests.jobs.sending import BODY, FAR_BEYOND_SECONDS, LOOPBACK, Send, answering
from tests.support.receivers import Receiver, raw_receiving
from webhooks_ui.deliveries.outcomes import Outcome


@pytest.mark.parametrize("target", ["http://10.0.0.1/", "https://example.com/", "/elsewhere"])
def test_a_redirect_is_not_followed_and_no_success(send: Send, receiver: Receiver, target: str) -> None:
    receiver.answers = [(301, {"Location": target}, b"")]
    result = send(receiver.url)
    assert (result.outcome, result.response_code) == (Outcome.BAD_STATUS, 301)
    assert len(receiver.requests) == 1


def test_a_port_where_nobody_listens_refuses(send: Send) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    result = send(f"http://127.0.0.1:{port}/")
    assert (result.outcome, result.address) == (Outcome.REFUSED, f"127.0.0.1:{port}")


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


def test_the_second_address_is_tried_while_the_first_is_silent(
    monkeypatch: pytest.MonkeyPatch, names: dict[str, list[str]], receiver: Receiver
) -> None:
    """An address that drops packets may use half of the time, and not all of it."""
    port = int(receiver.url.split(":")[2].split("/")[0])
    names["two.example.com"] = ["127.0.0.2", "127.0.0.1"]
    genuine = DeadlineSocket.connect

    def connect(self: socket.socket, address: tuple[str, int]) -> None:
        if address[0] == "127.0.0.2":
            time.sleep(self.gettimeout() or 0)
            raise TimeoutError
        genuine(self, address)

    monkeypatch.setattr(DeadlineSocket, "connect", connect)
    result = Sender(LOOPBACK, 1.0, 2).send(f"http://two.example.com:{port}/", {"Content-Length": str(len(BODY))}, BODY)
    assert (result.outcome, result.address) == (Outcome.DELIVERED, f"127.0.0.1:{port}")


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


def test_a_resolver_that_hangs_times_out(send_briefly: Send, monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: released.wait(FAR_BEYOND_SECONDS))
    result = send_briefly("https://slow.example.com/")
    released.set()
    assert result.outcome == Outcome.TIMEOUT
    assert result.duration_ms < FAR_BEYOND_SECONDS * 1_000


def test_a_bad_port_is_blocked_before_a_connection_is_made(send: Send) -> None:
    """A webhook may have got its URL before the port was in the list."""
    result = send("https://127.0.0.1:6379/")
    assert result.outcome == Outcome.BLOCKED_ADDRESS
    assert result.address is None
