import socket
from collections.abc import Callable, Iterator

import pytest
from urllib3.connection import HTTPConnection

from jobs.transport.idle import IdleConnections

A, B = ("http", "a", 80), ("http", "b", 80)


class PairedConnection(HTTPConnection):
    """A connection whose other end is the socket ``theirs``."""

    theirs: socket.socket


Connect = Callable[[], PairedConnection]


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Yield a function that makes connections."""
    made = []

    def make() -> PairedConnection:
        connection = PairedConnection("a")
        connection.sock, connection.theirs = socket.socketpair()
        made.append(connection)
        return connection

    yield make
    for connection in made:
        connection.close()
        connection.theirs.close()


def test_the_one_used_last_is_taken_first(connect: Connect) -> None:
    idle = IdleConnections(10, 30)
    first, second = connect(), connect()
    idle.keep(A, first)
    idle.keep(A, second)
    assert [idle.take(A), idle.take(A), idle.take(A)] == [second, first, None]
    assert idle.take(B) is None


def test_one_that_the_peer_closed_is_passed_over(connect: Connect) -> None:
    idle = IdleConnections(10, 30)
    good, gone = connect(), connect()
    idle.keep(A, good)
    idle.keep(A, gone)
    gone.theirs.close()
    assert idle.take(A) is good
    assert gone.sock is None


def test_no_more_are_kept_than_may_be_whatever_the_host(connect: Connect) -> None:
    idle = IdleConnections(3, 30)
    connections = [connect() for _ in range(5)]
    for number, connection in enumerate(connections):
        idle.keep((A, B)[number % 2], connection)
    assert [connection.sock is None for connection in connections] == [True, True, False, False, False]
    assert [idle.take(A), idle.take(B), idle.take(A)] == [connections[4], connections[3], connections[2]]


def test_one_that_is_not_used_for_long_is_closed(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("jobs.transport.idle.time.monotonic", lambda: now[0])
    idle = IdleConnections(10, 30)
    old, new = connect(), connect()
    idle.keep(A, old)
    now[0] += 31
    idle.keep(B, new)
    assert (old.sock, idle.take(A), idle.take(B)) == (None, None, new)


def test_a_closed_one_is_not_kept() -> None:
    idle = IdleConnections(10, 30)
    idle.keep(A, HTTPConnection("a"))
    assert idle.take(A) is None
