"""A listener ends without a reset for who connects at this moment."""

import socket
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from webhooks_ui.run.door.listeners import ignore_new

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such options")
SO_LOCK_FILTER = 44  # asm-generic/socket.h


def test_who_connects_while_a_listener_ends_gets_another_one() -> None:
    with ThreadPoolExecutor() as threads, socket.create_server(("127.0.0.1", 0), reuse_port=True) as ending:
        address = ending.getsockname()
        if not ignore_new(ending):
            pytest.skip("the system lets us ignore nobody")
        early = threads.submit(socket.create_connection, address, 5)
        with pytest.raises(TimeoutError):
            early.result(timeout=0.3)
        with socket.create_server(address, reuse_port=True) as next_one:
            ending.close()
            with early.result(timeout=5) as connection, next_one.accept()[0] as accepted:
                connection.sendall(b"hello")
                assert accepted.recv(5) == b"hello"


def test_who_was_connected_before_is_still_accepted() -> None:
    with socket.create_server(("127.0.0.1", 0)) as ending, socket.create_connection(ending.getsockname()) as waiting:
        ignore_new(ending)
        with ending.accept()[0] as accepted:
            waiting.sendall(b"hello")
            assert accepted.recv(5) == b"hello"


@LINUX
def test_a_handshake_that_has_begun_goes_on() -> None:
    with socket.create_server(("127.0.0.1", 0)) as ending:
        ending.settimeout(5)
        ending.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, 5)  # it lasts until the first byte
        with socket.create_connection(ending.getsockname()) as waiting:
            ignore_new(ending)
            waiting.sendall(b"hello")
            with ending.accept()[0] as accepted:
                assert accepted.recv(5) == b"hello"


@LINUX
def test_a_listener_that_may_have_no_filter_ends_without_one() -> None:
    with socket.create_server(("127.0.0.1", 0)) as ending:
        ending.setsockopt(socket.SOL_SOCKET, SO_LOCK_FILTER, 1)  # nobody may attach one any more
        assert not ignore_new(ending)
        socket.create_connection(ending.getsockname(), timeout=5).close()
