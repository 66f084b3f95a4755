"""The publisher as clients see it: who stays, who is slow, who breaks off, a database that is away, and a stop."""

import contextlib
import http.client
import json
import signal
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import psutil
import pytest
from flask import Flask
from sqlalchemy import insert, select

from tests.support.factories import make_api_key
from tests.support.locks import locked
from tests.support.rig import Rig, rig
from tests.support.waiting import wait_for
from webhooks_ui.database import db, write_transaction
from webhooks_ui.database.for_requests import is_for_requests
from webhooks_ui.models import ApiKey, Event, utcnow
from webhooks_ui.run.door.incoming import Incoming
from webhooks_ui.run.door.publisher import STAY_SECONDS, STAYING_MAX, Publisher
from webhooks_ui.run.door.worker import Connection


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with Rig(tmp_path_factory.mktemp("publisher"), WEB_PROCESSES="1") as instance:
        instance.start_web()
        yield instance


@pytest.fixture(scope="module")
def key(server: Rig) -> str:
    return new_key(server)


def new_key(instance: Rig) -> str:
    """Return a key that the web server remembers."""
    with instance.app.app_context():
        text = make_api_key(rate_per_minute=1_000_000)[1]
    with connected(instance) as connection:
        assert [ask(connection, publication(text))[0] for _ in range(3)] == [202] * 3
    return text


@contextlib.contextmanager
def connected(instance: Rig) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", instance.port), 30) as connection:
        yield connection


def publication(key: str, id: str | None = None) -> bytes:
    event = {"type": "license.activated", "data": {"id": "1"}} | ({"id": id} if id else {})
    body = json.dumps(event).encode()
    lines = ("POST /api/v1/events HTTP/1.1", "Host: a", f"Authorization: Bearer {key}", f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def answer_of(connection: socket.socket) -> tuple[int, http.client.HTTPMessage, bytes]:
    with http.client.HTTPResponse(connection) as answer:
        answer.begin()
        return answer.status, answer.headers, answer.read()


def ask(connection: socket.socket, request: bytes) -> tuple[int, http.client.HTTPMessage, bytes]:
    connection.sendall(request)
    return answer_of(connection)


def stored(instance: Rig) -> set[str]:
    with instance.app.app_context():
        return set(db.session.scalars(select(Event.public_id)))


def test_a_client_that_pauses_between_and_within_requests_gets_all_its_answers(server: Rig, key: str) -> None:
    request = publication(key)
    with connected(server) as connection:
        for pause, cut in ((0.0, 0), (0.05, 40), (STAY_SECONDS + 0.5, 100), (0.05, len(request) - 1), (0.0, 1)):
            time.sleep(pause)
            connection.sendall(request[:cut])
            time.sleep(0.1 if cut else 0)
            assert ask(connection, request[cut:])[0] == 202


def test_requests_that_are_sent_without_waiting_are_answered_in_their_order(server: Rig, key: str) -> None:
    ids = [f"piped_{number}" for number in range(20)]
    with connected(server) as connection:
        ask(connection, publication(key))
        connection.sendall(b"".join(publication(key, id) for id in ids))
        file = connection.makefile("rb")
        for id in ids:
            head = b"".join(iter(file.readline, b"\r\n"))
            assert head.startswith(b"HTTP/1.1 202 ")
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            assert json.loads(file.read(length))["id"] == id


def test_more_clients_than_may_stay_are_all_answered(server: Rig, key: str) -> None:
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(connected(server)) for _ in range(STAYING_MAX + 60)]
        for _ in range(3):
            for connection in connections:
                connection.sendall(publication(key))
            assert {answer_of(connection)[0] for connection in connections} == {202}


def test_clients_that_break_off_leave_nothing_behind(server: Rig, key: str) -> None:
    for cut in (0, 10, 150, len(publication(key))):
        for _ in range(20):
            with connected(server) as connection:
                ask(connection, publication(key))
                connection.sendall(publication(key)[:cut])
    [process] = psutil.Process(server.processes["web"].pid).children()

    def open_ones() -> list[object]:
        return [each for each in process.net_connections("tcp") if each.raddr and each.laddr.port == server.port]

    wait_for(lambda: not open_ones(), what="the connections are closed")
    with connected(server) as connection:
        assert ask(connection, publication(key))[0] == 202


def test_what_is_not_plain_is_answered_on_the_same_connection(server: Rig, key: str) -> None:
    plain = publication(key)
    wrong = plain.replace(b"license.activated", b"license.activates")
    page = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"
    series = [
        (plain, 202),
        (wrong, 422),
        (plain, 202),
        (page, 200),
        (plain, 202),
        (plain.replace(key.encode(), b"km_no"), 401),
    ]
    with connected(server) as connection:
        for request, expected in series * 3:
            assert ask(connection, request)[0] == expected


def test_a_revoked_key_is_refused_from_the_next_request_on(server: Rig) -> None:
    text = new_key(server)
    with connected(server) as connection:
        assert ask(connection, publication(text))[0] == 202
        with server.app.app_context(), write_transaction() as writing:
            writing.execute(ApiKey.__table__.update().where(ApiKey.prefix == text[:11]).values(revoked_at=utcnow()))
        assert ask(connection, publication(text, "refused"))[0] == 401
    assert "refused" not in stored(server)


def test_without_the_database_clients_get_503_and_may_try_again(server: Rig, key: str) -> None:
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(connected(server)) for _ in range(3)]
        for connection in connections:
            ask(connection, publication(key))
        with locked(server.folder / "webhooks.db"):
            for number, connection in enumerate(connections):
                connection.sendall(publication(key, f"late_{number}"))
            for connection in connections:
                status, headers, body = answer_of(connection)
                assert (status, headers["Retry-After"], headers["Content-Type"]) == (
                    503,
                    "5",
                    "application/problem+json",
                )
                assert json.loads(body)["detail"].startswith("The database isn't responding.")
                assert headers["X-Request-Id"]
        for number, connection in enumerate(connections):
            assert ask(connection, publication(key, f"late_{number}"))[0] == 202


def test_one_that_waits_for_another_transaction_keeps_no_other_from_being_published() -> None:
    with rig("postgresql", WEB_PROCESSES="1") as instance:
        instance.start_web()
        text = new_key(instance)
        with contextlib.ExitStack() as stack:
            stuck, *others = [stack.enter_context(connected(instance)) for _ in range(6)]
            for connection in (stuck, *others):
                ask(connection, publication(text))
            with instance.app.app_context(), write_transaction() as writing:
                row: dict[str, object] = {"public_id": "same", "type": "license.activated", "body": b"{}"}
                row |= {"environment": "production", "deliveries_count": 0, "created_at": utcnow()}
                writing.execute(insert(Event).values(row))
                stuck.sendall(publication(text, "same"))
                time.sleep(0.6)  # it is late now
                for number, connection in enumerate(others):
                    with connected(instance) as fresh:
                        assert ask(fresh, publication(text, f"fresh_{number}"))[0] == 202
                    connection.settimeout(0.3)
                assert {f"fresh_{number}" for number in range(5)} <= stored(instance)
                writing.rollback()
            assert answer_of(stuck)[0] == 202


@dataclass(frozen=True)
class Mute:
    """A connection that only has an address."""

    client: tuple[str, int]


def test_a_request_that_no_thread_can_take_ends_its_own_connection_only(app: Flask) -> None:
    given_back: list[tuple[Any, bool]] = []
    answered: list[Any] = []

    def answer(conn: Any, _incoming: Incoming) -> None:
        if not answered:
            answered.append(conn)
            raise RuntimeError("can't start new thread")
        answered.append(conn)

    publisher = Publisher(app, answer, lambda *what: given_back.append(what), lambda: Incoming(100))
    whole = Incoming(100)
    whole.add(b"POST /api/v1/events HTTP/1.1\r\n\r\n")
    unlucky, lucky = Mute(("::1", 1)), Mute(("::1", 2))
    for conn in (unlucky, lucky):
        publisher.take(cast(Connection, conn), whole)
        wait_for(lambda wanted=conn: wanted in answered, what="it is passed on")  # type: ignore[misc]
    assert given_back == [(unlucky, False)]


def test_its_thread_waits_for_no_database_that_hangs(app: Flask) -> None:
    asked: list[bool] = []
    publisher = Publisher(app, lambda *_: asked.append(is_for_requests()), lambda *_: None, lambda: Incoming(100))
    whole = Incoming(100)
    whole.add(b"POST /api/v1/events HTTP/1.1\r\n\r\n")
    publisher.take(cast(Connection, Mute(("::1", 1))), whole)
    wait_for(lambda: asked == [True], what="it works for a request")
    assert not is_for_requests()


def test_a_stop_under_load_loses_nothing_that_was_answered(tmp_path: Path) -> None:
    accepted: list[str] = []
    broken: list[BaseException] = []
    with Rig(tmp_path) as instance:
        instance.start_web()
        text = new_key(instance)

        def publish(client: int) -> None:
            with contextlib.suppress(ConnectionRefusedError), connected(instance) as connection:
                for number in range(100_000):
                    id = f"evt_{client}_{number}"
                    try:
                        connection.sendall(publication(text, id))
                        status, headers, body = answer_of(connection)
                    except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
                        return  # it was closed between two requests
                    except http.client.HTTPException as error:
                        broken.append(error)
                        return
                    if status == 202 and json.loads(body)["id"] == id:
                        accepted.append(id)
                    if headers["Connection"] == "close":
                        return

        clients = [threading.Thread(target=publish, args=(client,)) for client in range(16)]
        for client in clients:
            client.start()
        wait_for(lambda: len(accepted) > 300, what="events are published")
        instance.processes["web"].send_signal(signal.SIGTERM)
        assert instance.processes["web"].wait(20) == 0
        for client in clients:
            client.join(30)
        assert not broken
        assert set(accepted) <= stored(instance)
