"""What endpoints can do to a sender: each test names the trick and the outcome."""

import gzip
import ipaddress
import socket
import ssl
import threading
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from jobs import connection
from jobs.send import Result, Sender, retry_after_seconds
from tests.certificates import make_certificate
from tests.receivers import Receiver, raw_receiving, read_request
from webhooks_ui.outcomes import Outcome

LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"),)
TIMEOUT_SECONDS = 0.6
FAR_BEYOND_SECONDS = 8.0  # what must be cut off would last longer; a busy machine may take a part of it
BODY = b'{"id":"evt_1"}'


def sending(timeout_seconds: float) -> Callable[[str], Result]:
    sender = Sender(LOOPBACK, timeout_seconds, 8)
    return lambda url: sender.send(url, {"Content-Length": str(len(BODY))}, BODY)


@pytest.fixture
def send() -> Callable[[str], Result]:
    return sending(10.0)


@pytest.fixture
def send_briefly() -> Callable[[str], Result]:
    """For endpoints that would take for ever: gives up after ``TIMEOUT_SECONDS``."""
    return sending(TIMEOUT_SECONDS)


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """A resolver of our own: host → addresses, taken in turn when the list holds lists."""
    table: dict[str, list[str]] = {}
    genuine = socket.getaddrinfo

    def fake(host: str, port: int, *args: object, **kwargs: object) -> object:
        if host not in table:
            return genuine(host, port, *args, **kwargs)  # type: ignore[arg-type]
        if not table[host]:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in table[host]]

    monkeypatch.setattr(socket, "getaddrinfo", fake)
    return table


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The addresses that the sender tried to connect to; nothing leaves."""
    addresses: list[object] = []

    def connect(self: socket.socket, address: object) -> None:
        addresses.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(connection.DeadlineSocket, "connect", connect)
    return addresses


def answering(*pieces: bytes, pause: float = 0, close: bool = True) -> Callable[[socket.socket], None]:
    """Read a request, then send ``pieces`` with a pause after each."""

    def handle(peer: socket.socket) -> None:
        while read_request(peer):
            for piece in pieces:
                peer.sendall(piece)
                time.sleep(pause)
            if close:
                return

    return handle


def forever(head: bytes, piece: bytes, pause: float = 0) -> Callable[[socket.socket], None]:
    """Read a request, send ``head``, then ``piece`` again and again until the peer is gone."""

    def handle(peer: socket.socket) -> None:
        read_request(peer)
        peer.sendall(head)
        while True:
            peer.sendall(piece)
            time.sleep(pause)

    return handle


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        (b"HTTP/1.1 200 OK\r\nX-Drip: ", b"x"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", b"x"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        (b"", b"H"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
    ids=["in the headers", "in the body", "in chunks", "in the status line", "in 100 Continue"],
)
def test_an_endpoint_that_drips_is_left_at_the_deadline(send_briefly, head, piece):
    with raw_receiving(forever(head, piece, pause=0.05)) as receiver:
        result = send_briefly(receiver.url)
    assert result.outcome == Outcome.TIMEOUT
    assert TIMEOUT_SECONDS * 900 < result.duration_ms < FAR_BEYOND_SECONDS * 1_000


def test_an_endpoint_that_accepts_and_never_answers_times_out(send_briefly):
    with raw_receiving(lambda peer: time.sleep(FAR_BEYOND_SECONDS)) as receiver:
        result = send_briefly(receiver.url)
    assert (result.outcome, result.response_code) == (Outcome.TIMEOUT, None)
    assert TIMEOUT_SECONDS * 900 < result.duration_ms < FAR_BEYOND_SECONDS * 1_000


def test_a_tls_handshake_that_never_ends_times_out(send_briefly):
    with raw_receiving(lambda peer: time.sleep(FAR_BEYOND_SECONDS)) as receiver:
        assert send_briefly(receiver.url.replace("http:", "https:")).outcome == Outcome.TIMEOUT


@pytest.mark.parametrize("piece", [b"X-More: and more\r\n", b"X" * 65_536])
def test_headers_without_end_break_off(send_briefly, piece):
    with raw_receiving(forever(b"HTTP/1.1 200 OK\r\n", piece)) as receiver:
        assert send_briefly(receiver.url).outcome in (Outcome.RESPONSE_BROKEN, Outcome.TIMEOUT)


def test_of_a_body_without_end_ten_kibibytes_are_kept(send):
    with raw_receiving(forever(b"HTTP/1.1 200 OK\r\n\r\n", b"y" * 65_536)) as receiver:
        result = send(receiver.url)
    assert (result.outcome, result.response_truncated) == (Outcome.DELIVERED, True)
    assert result.response_body == b"y" * 10_240


def bomb() -> bytes:
    """10 MB of gzip in which 10 GB wait: gzip members of zeros, one after the other."""
    member = gzip.compress(bytes(10 * 2**20), 9)
    return member * (10 * 2**20 // len(member))


def test_a_gzip_bomb_costs_no_memory(send):
    data = bomb()
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(data)}\r\n\r\n".encode()
    with raw_receiving(answering(head, data)) as receiver:
        tracemalloc.start()
        result = send(receiver.url)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert (result.outcome, result.response_truncated) == (Outcome.DELIVERED, True)
    assert result.response_body == bytes(10_240)
    assert peak < 4 * 2**20


def test_a_compressed_body_is_kept_decoded(send):
    data = zlib.compress(b"hello")
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: deflate\r\nContent-Length: {len(data)}\r\n\r\n".encode()
    with raw_receiving(answering(head + data)) as receiver:
        assert send(receiver.url).response_body == b"hello"


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nplain",
        b"SSH-2.0-OpenSSH_9.9\r\n",
    ],
    ids=["bad chunk", "chunk cut", "body cut", "no gzip", "no HTTP"],
)
def test_a_broken_answer_is_no_success(send, answer):
    with raw_receiving(answering(answer)) as receiver:
        assert send(receiver.url).outcome == Outcome.RESPONSE_BROKEN


@pytest.mark.parametrize(
    "answer",
    [b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Le", b"HTTP/1.1 20", b"HTTP/1.1 200 OK\r\nX: y\r\n"],
)
def test_a_head_that_breaks_off_is_no_success(send, answer):
    with raw_receiving(answering(answer)) as receiver:
        assert send(receiver.url).outcome == Outcome.RESPONSE_BROKEN
        assert receiver.connections == 1


def test_a_negative_chunk_size_costs_no_memory(send):
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n"
    with raw_receiving(forever(head, b"z" * 65_536)) as receiver:
        tracemalloc.start()
        assert send(receiver.url).outcome == Outcome.RESPONSE_BROKEN
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 4 * 2**20


def test_a_head_of_many_large_fields_is_not_read_to_its_end(send):
    head = b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: %s\r\n" % (n, b"y" * 60_000) for n in range(90)) + b"\r\n"
    with raw_receiving(answering(head)) as receiver:
        assert send(receiver.url).outcome == Outcome.RESPONSE_BROKEN


def test_trailers_without_end_break_off(send_briefly):
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"
    with raw_receiving(forever(head, b"X-More: and more\r\n")) as receiver:
        assert send_briefly(receiver.url).outcome in (Outcome.RESPONSE_BROKEN, Outcome.TIMEOUT)


@pytest.mark.parametrize("code", [100, 102, 103])
def test_interim_answers_without_end_break_off(send_briefly, code):
    with raw_receiving(forever(b"", b"HTTP/1.1 %d Wait\r\n\r\n" % code)) as receiver:
        assert send_briefly(receiver.url).outcome in (Outcome.RESPONSE_BROKEN, Outcome.TIMEOUT)


def test_an_interim_answer_is_not_the_answer_and_the_next_delivery_gets_its_own(send):
    interim, final = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", b"HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n"

    def handle(peer: socket.socket) -> None:
        for code in (200, 500):
            read_request(peer)
            peer.sendall(interim)
            time.sleep(0.05)
            peer.sendall(final % code)

    with raw_receiving(handle) as receiver:
        assert [send(receiver.url).response_code for _ in range(2)] == [200, 500]


def test_after_101_the_connection_speaks_something_else(send):
    switching = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"
    with raw_receiving(answering(switching, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", close=False)) as receiver:
        assert [send(receiver.url).outcome for _ in range(2)] == [Outcome.BAD_STATUS] * 2
        assert receiver.connections == 2


def test_bytes_after_an_answer_are_not_the_answer_of_the_next_delivery(send):
    answer = b"HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n"
    with raw_receiving(answering(answer + b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", close=False)) as receiver:
        assert [send(receiver.url).response_code for _ in range(3)] == [500] * 3


@pytest.mark.parametrize(
    ("answer", "connections"),
    [
        (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok", 1),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", 2),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", 2),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 1),
    ],
)
def test_a_connection_is_kept_where_both_sides_mean_to(send, answer, connections):
    with raw_receiving(answering(answer, close=False)) as receiver:
        assert [send(receiver.url).outcome for _ in range(2)] == [Outcome.DELIVERED] * 2
        assert receiver.connections == connections


def test_a_peer_that_does_not_read_a_large_body_times_out():
    sender = Sender(LOOPBACK, TIMEOUT_SECONDS, 8)
    body = b"x" * 8 * 2**20  # more than the system's buffers hold
    with raw_receiving(lambda peer: time.sleep(FAR_BEYOND_SECONDS)) as receiver:
        result = sender.send(receiver.url, {"Content-Length": str(len(body))}, body)
    assert result.outcome == Outcome.TIMEOUT
    assert result.duration_ms < FAR_BEYOND_SECONDS * 1_000


def test_a_reset_in_the_tls_handshake_is_a_failed_connection(send):
    def handle(peer: socket.socket) -> None:
        peer.recv(10)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        peer.close()

    with raw_receiving(handle) as receiver:
        result = send(receiver.url.replace("http:", "https:"))
    assert result.outcome in (Outcome.CONNECTION_FAILED, Outcome.TLS_FAILED)
    assert "descriptor" not in result.detail


def test_200_and_then_a_reset_is_no_success(send):
    def handle(peer: socket.socket) -> None:
        read_request(peer)
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome")
        time.sleep(0.05)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        peer.close()

    with raw_receiving(handle) as receiver:
        assert send(receiver.url).outcome == Outcome.RESPONSE_BROKEN


@pytest.mark.parametrize("target", ["http://10.0.0.1/", "https://example.com/", "/elsewhere"])
def test_a_redirect_is_not_followed_and_no_success(send, receiver, target):
    receiver.answers = [(301, {"Location": target}, b"")]
    result = send(receiver.url)
    assert (result.outcome, result.response_code) == (Outcome.BAD_STATUS, 301)
    assert len(receiver.requests) == 1


def test_a_port_where_nobody_listens_refuses(send):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    result = send(f"http://127.0.0.1:{port}/")
    assert (result.outcome, result.address) == (Outcome.REFUSED, f"127.0.0.1:{port}")


def test_a_name_that_does_not_resolve(send, names, tried):
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
def test_a_name_that_leads_to_a_private_address_is_blocked(send, names, tried, address):
    names["inside.example.com"] = ["93.184.216.34", address]
    result = send("https://inside.example.com/")
    assert result.outcome == Outcome.BLOCKED_ADDRESS
    assert address in result.detail
    assert tried == []


@pytest.mark.parametrize("host", ["[::ffff:10.0.0.1]", "0x0a000001", "167772161", "012.0.0.1", "10.1"])
def test_a_private_address_is_blocked_in_any_notation(send, tried, host):
    assert send(f"https://{host}/").outcome in (Outcome.BLOCKED_ADDRESS, Outcome.DNS_FAILED)
    assert tried == []


def test_plain_http_goes_to_allowed_networks_only(send, names, tried):
    names["plain.example.com"] = ["93.184.216.34"]
    assert send("http://plain.example.com/").outcome == Outcome.BLOCKED_ADDRESS
    assert tried == []


def test_the_address_that_was_vetted_is_the_one_connected_to(send, names, tried, monkeypatch):
    """A name that resolves differently the second time has no second time."""
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


def test_the_second_address_is_tried_while_the_first_is_silent(monkeypatch, names, receiver):
    """One that drops packets has half of the time, not all of it."""
    port = int(receiver.url.split(":")[2].split("/")[0])
    names["two.example.com"] = ["127.0.0.2", "127.0.0.1"]
    genuine = connection.DeadlineSocket.connect

    def connect(self: socket.socket, address: tuple[str, int]) -> None:
        if address[0] == "127.0.0.2":
            time.sleep(self.gettimeout() or 0)
            raise TimeoutError
        genuine(self, address)

    monkeypatch.setattr(connection.DeadlineSocket, "connect", connect)
    result = Sender(LOOPBACK, 1.0, 2).send(f"http://two.example.com:{port}/", {"Content-Length": str(len(BODY))}, BODY)
    assert (result.outcome, result.address) == (Outcome.DELIVERED, f"127.0.0.1:{port}")


def test_a_proxy_in_the_environment_is_not_asked(send, receiver, monkeypatch):
    with raw_receiving(lambda peer: read_request(peer) and None) as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        assert send(receiver.url).outcome == Outcome.DELIVERED
        assert proxy.connections == 0


def test_resolvers_that_hang_hold_up_no_other_host(send_briefly, receiver, names, monkeypatch):
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


def test_a_resolver_that_hangs_times_out(send_briefly, monkeypatch):
    released = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: released.wait(FAR_BEYOND_SECONDS))
    result = send_briefly("https://slow.example.com/")
    released.set()
    assert result.outcome == Outcome.TIMEOUT
    assert result.duration_ms < FAR_BEYOND_SECONDS * 1_000


@pytest.fixture
def tls_receiver(tmp_path: Path) -> Iterator[Callable[..., str]]:
    """``tls_receiver(host=…, days=…)`` serves https on loopback with a certificate made that way; its URL."""
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
def test_a_certificate_that_does_not_hold(tls_receiver, tmp_path, monkeypatch, certificate, trusted, words):
    url = tls_receiver(**certificate)
    if trusted:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "certificate.pem"))
    result = Sender(LOOPBACK, 5, 2).send(url, {"Content-Length": str(len(BODY))}, BODY)
    assert result.outcome == Outcome.TLS_FAILED
    assert words.replace("-", " ") in result.detail.replace("-", " ")


def test_a_certificate_that_holds_is_accepted_and_noted(tls_receiver, tmp_path, monkeypatch):
    url = tls_receiver()
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "certificate.pem"))
    result = Sender(LOOPBACK, 5, 2).send(url, {"Content-Length": str(len(BODY))}, BODY)
    assert (result.outcome, result.detail) == (Outcome.DELIVERED, "")
    assert result.tls.startswith("TLSv1.3")


def test_a_connection_is_used_again(send, receiver):
    for _ in range(5):
        assert send(receiver.url).outcome == Outcome.DELIVERED
    assert receiver.connections == 1


def test_a_kept_connection_that_the_server_closes_as_we_write_is_tried_once_more(send):
    """The first connection answers once and then closes on the next request without a byte."""
    received = []

    def handle(peer: socket.socket) -> None:
        received.append(read_request(peer))
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        if len(received) == 1:
            read_request(peer)

    with raw_receiving(handle) as receiver:
        assert send(receiver.url).outcome == Outcome.DELIVERED
        assert send(receiver.url).outcome == Outcome.DELIVERED
        assert receiver.connections == 2


def test_a_kept_connection_that_gave_a_byte_is_not_tried_again(send):
    answered = []

    def handle(peer: socket.socket) -> None:
        read_request(peer)
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        if read_request(peer):
            answered.append(True)
            peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe")

    with raw_receiving(handle) as receiver:
        send(receiver.url)
        assert send(receiver.url).outcome == Outcome.RESPONSE_BROKEN
        assert (answered, receiver.connections) == ([True], 1)


def test_a_kept_connection_that_is_reset_within_the_head_is_not_tried_again(send):
    received = []

    def handle(peer: socket.socket) -> None:
        received.append(read_request(peer))
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        received.append(read_request(peer))
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Le")
        time.sleep(0.05)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        peer.close()

    with raw_receiving(handle) as receiver:
        assert send(receiver.url).outcome == Outcome.DELIVERED
        assert send(receiver.url).outcome != Outcome.DELIVERED
    assert len(received) == 2


def test_a_fresh_connection_that_closes_without_a_byte_is_not_tried_again(send):
    with raw_receiving(lambda peer: read_request(peer) and None) as receiver:
        assert send(receiver.url).outcome == Outcome.CONNECTION_FAILED
        assert receiver.connections == 1


@pytest.mark.parametrize(
    ("value", "seconds"),
    [(None, None), ("", None), ("120", 120), ("-5", None), ("soon", None), ("99999999999999999999", 999_999_999)],
)
def test_retry_after_in_seconds(value, seconds):
    assert retry_after_seconds(value) == seconds


def test_retry_after_as_a_date():
    at = datetime.now(UTC) + timedelta(seconds=90)
    assert 85 <= retry_after_seconds(format_datetime(at, usegmt=True)) <= 91
    assert retry_after_seconds("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    assert retry_after_seconds("Wed, 21 Oct 99999999999999999999 07:28:00 GMT") is None
