"""The web server as a client sees it: stalled clients, deadlines, limits, and broken requests."""

import contextlib
import http.client
import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.support.factories import make_api_key
from tests.support.locks import locked
from tests.support.rig import Rig
from tests.support.stalled import stalled_clients
from tests.webhooks_ui.run.door.talking import EVENT, HEALTH, connect, head, status, talk
from webhooks_ui.run.door.incoming import CHUNKS_MAX
from webhooks_ui.run.door.worker import PUBLISHERS_MAX_BYTES, PUBLISHERS_THREADS

LIMIT = 8 * 1024 * 1024


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    folder = tmp_path_factory.mktemp("door")
    with Rig(folder, REQUEST_HEAD_SECONDS="2", REQUEST_BODY_SECONDS="2") as rig:
        rig.start_web()
        yield rig


@pytest.fixture(scope="module")
def key(server: Rig) -> str:
    with server.app.app_context():
        return make_api_key(rate_per_minute=100_000)[1]


def test_a_healthy_client_is_answered_while_hundreds_stall(server: Rig) -> None:
    with stalled_clients(server.port, 200) as stalled:
        seconds = []
        for _ in range(100):
            started = time.monotonic()
            with contextlib.closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)) as client:
                client.request("GET", "/healthz")
                assert client.getresponse().status == 200
            seconds.append(time.monotonic() - started)
        assert stalled.opened >= 1_000
    assert sorted(seconds)[95] < 2  # generous, because tests share the machine. The bench measures it


def test_those_who_watch_get_an_answer_while_all_others_wait_for_the_database(server: Rig, key: str) -> None:
    request = head(key, f"Content-Length: {len(EVENT)}", "Connection: close") + EVENT
    publishers = [threading.Thread(target=talk, args=(server, request)) for _ in range(20)]
    with locked(server.folder / "webhooks.db"):
        for publisher in publishers:
            publisher.start()
        time.sleep(1)
        started = time.monotonic()
        for path in (b"/healthz", b"/healthz", b"/metrics"):
            assert status(talk(server, b"GET %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" % path)) == 200
        assert time.monotonic() - started < 4  # the publishers wait for 10 s
        assert any(publisher.is_alive() for publisher in publishers)
    for publisher in publishers:
        publisher.join(30)


def test_pages_are_answered_while_more_publishers_wait_than_there_are_threads(server: Rig, key: str) -> None:
    request = head(key, f"Content-Length: {len(EVENT)}", "Connection: close") + EVENT
    publishers = [threading.Thread(target=talk, args=(server, request)) for _ in range(4 * PUBLISHERS_THREADS)]
    with locked(server.folder / "webhooks.db"):
        for publisher in publishers:
            publisher.start()
        time.sleep(1)
        started = time.monotonic()
        for _ in range(5):
            assert status(talk(server, b"GET /login HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")) == 200
        assert time.monotonic() - started < 4
        assert all(publisher.is_alive() for publisher in publishers)
    for publisher in publishers:
        publisher.join(30)


def test_on_one_connection_small_and_large_publications_and_pages_follow_each_other(server: Rig, key: str) -> None:
    small = head(key, f"Content-Length: {len(EVENT)}") + EVENT
    padded = EVENT + b" " * PUBLISHERS_MAX_BYTES
    large = head(key, f"Content-Length: {len(padded)}") + padded
    page = b"GET /login HTTP/1.1\r\nHost: a\r\n\r\n"
    series = [small, page, small, small, large, page, page, large, small]
    expected = [200 if request == page else 202 for request in series]
    with connect(server) as connection:
        connection.settimeout(20)
        answered = [answers_of(connection, request, 1) for request in series]
        assert answered == [[code] for code in expected]
    last = head(key, f"Content-Length: {len(EVENT)}", "Connection: close") + EVENT
    at_once = talk(server, b"".join([*series, last]))
    assert [int(code) for code in re.findall(rb"HTTP/1\.1 (\d+) ", at_once)] == [*expected, 202]


def test_a_client_that_reads_slowly_gets_all_its_answers(server: Rig) -> None:
    """The next answer is not begun before the last one is read."""
    count, request = 5, b"GET /assets/app.css HTTP/1.1\r\nHost: a\r\n"
    whole = talk(server, request + b"Connection: close\r\n\r\n").partition(b"\r\n\r\n")[2]
    assert len(whole) > 32_768
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1_024)
    connection.connect(("127.0.0.1", server.port))
    with connection:
        connection.settimeout(20)
        connection.sendall((request + b"\r\n") * (count - 1) + request + b"Connection: close\r\n\r\n")
        time.sleep(0.5)
        received = b"".join(iter(lambda: connection.recv(4_096), b""))
    assert received.count(whole) == received.count(b"HTTP/1.1 200 OK") == count


@pytest.mark.parametrize(
    "begin", [b"", b"GET /login HTTP/1.1\r\nX-", b"POST /login HTTP/1.1\r\nContent-Length: 99\r\n\r\na"]
)
def test_a_stalled_request_is_ended_at_its_deadline(server: Rig, begin: bytes) -> None:
    started = time.monotonic()
    answer = talk(server, begin)
    assert 1.5 < time.monotonic() - started < 15
    assert (status(answer) == 408) if begin else (answer == b"")


def test_a_byte_now_and_then_does_not_move_the_deadline(server: Rig) -> None:
    for begin in (b"GET /", b"POST /login HTTP/1.1\r\nHost: a\r\nContent-Length: 99\r\n\r\n"):
        with connect(server) as connection:
            connection.sendall(begin)
            connection.settimeout(0.2)
            started = time.monotonic()
            answer = b""
            while not answer and time.monotonic() - started < 20:
                with contextlib.suppress(TimeoutError):
                    answer = connection.recv(1_000)
                    break
                with contextlib.suppress(OSError):
                    connection.send(b"a")
            assert status(answer) == 408


def test_the_answer_that_it_did_not_arrive_is_a_problem_for_programs_and_a_page_for_people(server: Rig) -> None:
    program = talk(server, b"POST /api/v1/events HTTP/1.1\r\nHost: a\r\n")
    assert b"Content-Type: application/problem+json" in program
    assert json.loads(program.partition(b"\r\n\r\n")[2])["status"] == 408
    page = talk(server, b"POST /login HTTP/1.1\r\nHost: a\r\n")
    assert b"<h1>Request Timeout</h1>" in page
    assert b"Content-Security-Policy" in page


def test_a_page_of_the_web_server_looks_like_the_others_and_leads_on(server: Rig) -> None:
    answer = talk(server, b"GET /admin/webhook-deliveries?q=" + b"a" * 9_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n")
    assert b'<p class="error-code">414</p>' in answer
    assert b"Send fewer or shorter filters." in answer
    addresses = re.findall(rb'href="(/[^"]*)"', answer)
    assert len(addresses) == 3
    for address in addresses:
        found = talk(server, b"GET %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" % address)
        assert status(found) in (200, 302), address


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/9.9\r\nHost: a\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nbad header\r\n\r\n", 400),
        (b"GET /api/v1/events HTTP/1.1\r\nHost: a\r\nX: a\r\n folded\r\n\r\n", 400),
        (b"POST /api/v1/events HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\na", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: tea\r\n\r\n0\r\n\r\n", 501),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n", 501),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 501),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 400),
        (b"GET /api/v1/event-types HTTP/1.1\r\n\r\n", 400),
        (b"GET /healthz HTTP/1.1\r\nX-Forwarded-Host: a\r\n\r\n", 400),
        (b"GET /healthz HTTP/1.2\r\n\r\n", 400),
        (b"GET /healthz HTTP/2.0\r\nHost: a\r\n\r\n", 400),
        (b"GET /" + b"a" * 9_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nHost: a\r\nCookie: " + b"a" * 9_000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\nCookie: " + b"a" * 70_000, 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\nExpect: tea\r\n\r\n", 417),
    ],
)
def test_a_broken_request_is_answered_and_the_connection_closed(server: Rig, request_: bytes, expected: int) -> None:
    answer = talk(server, request_)
    assert status(answer) == expected
    assert b"gunicorn" not in answer
    if request_.partition(b" ")[2].startswith(b"/api/"):
        assert b"application/problem+json" in answer


@pytest.mark.parametrize(
    ("request_", "reason"),
    [(b"nonsense\r\n\r\n", "400: InvalidRequestLine"), (b"POST /api/v1/events HTTP/1.1\r\n", "408: it is not whole")],
)
def test_the_log_has_a_refused_request_under_the_id_in_its_answer(server: Rig, request_: bytes, reason: str) -> None:
    id = re.search(rb"\r\nX-Request-Id: (req_[0-9a-f]{16})\r\n", talk(server, request_))
    assert id
    (line,) = [line for line in server.log("web").splitlines() if id[1].decode() in line]
    assert f"A request of 127.0.0.1 is refused with {reason}" in line


@pytest.mark.parametrize("version", [b"1.1", b"1.2", b"1.9"])
def test_a_later_version_is_answered_as_the_latest_that_is_known(server: Rig, version: bytes) -> None:
    request = HEALTH.replace(b"1.1", version)
    answer = talk(server, request + request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    assert answer.count(b"HTTP/1.1 200 OK\r\n") == answer.count(b"HTTP/1.") == 2


def test_the_first_version_needs_no_host(server: Rig) -> None:
    assert status(talk(server, b"GET /healthz HTTP/1.0\r\n\r\n")) == 200


def test_a_chunked_body_and_a_second_request_behind_it(server: Rig, key: str) -> None:
    half = len(EVENT) // 2
    chunks = b"".join(b"%x;x=1\r\n%s\r\n" % (len(part), part) for part in (EVENT[:half], EVENT[half:])) + b"0\r\n\r\n"
    last = head(key, f"Content-Length: {len(EVENT)}", "Connection: close") + EVENT
    answer = talk(server, head(key, "Transfer-Encoding: chunked") + chunks + last)
    assert answer.count(b"HTTP/1.1 202 ") == 2


def answers_of(connection: socket.socket, request: bytes, count: int) -> list[int]:
    """Send ``request`` again as soon as it is answered, ``count`` times. Return the statuses."""
    statuses = []
    for _ in range(count):
        connection.sendall(request)
        with http.client.HTTPResponse(connection) as answer:
            answer.begin()
            answer.read()
            statuses.append(answer.status)
    return statuses


def test_clients_that_ask_again_at_once_keep_no_thread_from_others(server: Rig) -> None:
    request, found = b"GET /api/v1/webhooks HTTP/1.1\r\nHost: a\r\n\r\n", []

    def ask() -> None:
        with connect(server) as connection:
            found.extend(answers_of(connection, request, 40))

    clients = [threading.Thread(target=ask) for _ in range(24)]  # three for each thread of the server
    for client in clients:
        client.start()
    for client in clients:
        client.join(60)
    assert found == [401] * 24 * 40


def test_the_next_request_may_follow_at_once_in_pieces_or_not_at_all(server: Rig, key: str) -> None:
    request = head(key, f"Content-Length: {len(EVENT)}") + EVENT
    with connect(server) as connection:
        assert answers_of(connection, request, 3) == [202] * 3
        for middle in (10, len(request) - 10):
            connection.sendall(request[:middle])
            time.sleep(0.1)
            assert answers_of(connection, request[middle:], 1) == [202]
        connection.sendall(request[:10])
        assert status(b"".join(iter(lambda: connection.recv(65_536), b""))) == 408
    with connect(server) as connection:
        assert answers_of(connection, request, 1) == [202]
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(100) == b""


def test_the_next_request_is_judged_as_the_first_one(server: Rig, key: str) -> None:
    request = head(key, f"Content-Length: {len(EVENT)}") + EVENT
    for next_request, expected in (
        (head(key, f"Content-Length: {LIMIT + 1}"), 413),
        (head(key, "X: " + "a" * 60_000, "Y: " + "a" * 10_000), 431),
        (b"nonsense\r\n\r\n", 400),
    ):
        with connect(server) as connection:
            assert answers_of(connection, request, 1) == [202]
            connection.sendall(next_request)
            assert status(b"".join(iter(lambda: connection.recv(65_536), b""))) == expected


@pytest.mark.parametrize("line", ["Content-Length: 8388609", "Content-Length: 99999999999"])
def test_a_body_over_the_limit_is_refused_before_it_is_sent(server: Rig, key: str, line: str) -> None:
    answer = talk(server, head(key, line, "Expect: 100-continue"))
    assert status(answer) == 413
    assert b"application/problem+json" in answer
    assert b"100 Continue" not in answer


def test_a_client_that_sends_too_much_can_read_why(server: Rig, key: str) -> None:
    """The connection would be reset, and the answer lost, if it were closed while the client still sends."""
    with connect(server) as connection:
        connection.sendall(head(key, f"Content-Length: {LIMIT + 1}"))
        connection.sendall(b"a" * 100_000)
        assert status(connection.recv(65_536)) == 413


def test_chunks_over_the_limit_are_refused(server: Rig, key: str) -> None:
    assert status(talk(server, head(key, "Transfer-Encoding: chunked") + b"%x\r\n" % (LIMIT + 1))) == 413


def test_a_body_of_absurdly_many_chunks_is_refused_with_the_limit(server: Rig, key: str) -> None:
    answer = talk(server, head(key, "Transfer-Encoding: chunked") + b"1\r\n \r\n" * (CHUNKS_MAX + 1))
    assert status(answer) == 413
    assert f"{CHUNKS_MAX:,} chunks".encode() in answer


@pytest.mark.parametrize("length", [str(LIMIT + 1), "9" * 18, "9" * 30, "0" * 30 + "99999999999"])
def test_what_follows_a_refused_body_is_never_taken_for_a_request(server: Rig, key: str, length: str) -> None:
    request = head(key, f"Content-Length: {length}")
    for begin in (request, request.replace(b"POST /api/v1/events", b"GET /healthz")):
        assert talk(server, begin + HEALTH + HEALTH).count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize("chunks", [b"zz\r\n", b"5\r\nhelloXX", b"-1\r\n", b"5;\r\r\n"])
def test_broken_chunks_are_an_error_of_the_client(server: Rig, key: str, chunks: bytes) -> None:
    answer = talk(server, head(key, "Transfer-Encoding: chunked") + chunks + HEALTH)
    assert answer.count(b"HTTP/1.1 ") == 1
    assert status(answer) == 400


def test_a_client_that_expects_it_is_told_once_to_continue(server: Rig, key: str) -> None:
    with connect(server) as connection:
        connection.sendall(head(key, f"Content-Length: {len(EVENT)}", "Expect: 100-continue", "Connection: close"))
        assert connection.recv(65_536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(EVENT)
        answer = b"".join(iter(lambda: connection.recv(65_536), b""))
    assert status(answer) == 202
    assert answer.count(b"100 Continue") == 0


def test_a_large_body_in_small_pieces_arrives(server: Rig, key: str) -> None:
    body = json.dumps([json.loads(EVENT)] * 1_000).encode()
    with connect(server) as connection:
        connection.sendall(head(key, f"Content-Length: {len(body)}", "Connection: close"))
        for start in range(0, len(body), 1_000):
            connection.sendall(body[start : start + 1_000])
        assert status(connection.recv(65_536)) == 202


def test_a_client_that_does_not_close_holds_up_nobody(server: Rig) -> None:
    """gunicorn's threads would wait two seconds for each."""
    ended = [connect(server) for _ in range(40)]
    for connection in ended:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    started = time.monotonic()
    assert all(status(connection.recv(65_536)) == 200 for connection in ended)
    assert status(talk(server, b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")) == 200
    assert time.monotonic() - started < 10
    for connection in ended:
        connection.close()


def test_a_client_address_is_not_taken_from_a_header(server: Rig) -> None:
    answer = talk(server, b"GET /metrics HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 1.2.3.4\r\nConnection: close\r\n\r\n")
    assert status(answer) == 403


def test_when_there_are_too_many_connections_the_oldest_make_room(tmp_path: Path) -> None:
    with Rig(tmp_path, WEB_CONNECTIONS="64", WEB_PROCESSES="1") as rig:
        rig.start_web()
        with stalled_clients(rig.port, 40):
            web = psutil.Process(rig.processes["web"].pid)
            processes = [child.pid for child in web.children()]
            for _ in range(5):
                crowd = [connect(rig) for _ in range(60)]
                for number, connection in enumerate(crowd):
                    with contextlib.suppress(OSError):
                        connection.sendall(HEALTH if number % 2 else b"GET / HT")
                for connection in crowd:
                    connection.close()
                assert status(talk(rig, HEALTH.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))) == 200
            assert [child.pid for child in web.children()] == processes


def test_bodies_that_wait_share_a_limit_of_memory(tmp_path: Path) -> None:
    with Rig(tmp_path, WEB_PROCESSES="1") as rig:
        rig.start_web()
        web = psutil.Process(rig.processes["web"].pid)
        before = sum(process.memory_info().rss for process in (web, *web.children()))
        waiting = [connect(rig) for _ in range(24)]
        for connection in waiting:
            with contextlib.suppress(OSError):
                connection.sendall(
                    b"POST /login HTTP/1.1\r\nHost: a\r\nContent-Length: 8388608\r\n\r\n" + b"a" * 8_000_000
                )
        assert status(talk(rig, b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")) == 200
        after = sum(process.memory_info().rss for process in (web, *web.children()))
        assert after - before < 180 * 1024 * 1024
        for connection in waiting:
            connection.close()


def test_answers_that_nobody_reads_leave_the_memory_to_requests(tmp_path: Path) -> None:
    with Rig(tmp_path, WEB_PROCESSES="1") as rig, contextlib.ExitStack() as stack:
        rig.start_web("tests.webhooks_ui.run.door.tight_conf")
        with rig.app.app_context():
            text = make_api_key()[1]
        for number in range(60):
            asking = stack.enter_context(socket.socket())
            asking.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1_024)
            asking.connect(("127.0.0.1", rig.port))
            # Mixed, so that the system's buffers are full in the midst of an answer on most of the connections
            asking.sendall(ask("htmx.js") * (number % 16) + ask("app.css") * 60)
        body = json.dumps({"type": "license.activated", "data": {"text": "x" * 100_000}}).encode()
        answers = []
        for _ in range(8):
            time.sleep(1)
            answers.append(status(talk(rig, head(text, f"Content-Length: {len(body)}", "Connection: close") + body)))
        assert answers == [202] * 8


def ask(asset: str) -> bytes:
    return f"GET /assets/{asset} HTTP/1.1\r\nHost: a\r\n\r\n".encode()
