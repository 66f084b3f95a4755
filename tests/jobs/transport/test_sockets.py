"""When a connection counts as silent, and which sockets are watched."""

import os
import socket
import time

import pycurl
import pytest

from jobs.transport.sockets import Sockets


@pytest.mark.parametrize("ago", [10.0, 0.0], ids=["before it was opened", "since it was opened"])
def test_a_new_connection_has_not_been_silent_since_before_it_was_opened(ago: float) -> None:
    """libcurl may read all that comes on a new connection without an event, if it is there quickly enough."""
    sockets = Sockets()
    ours, theirs = socket.socketpair()
    with ours, theirs:
        sockets.note_opened(ours.fileno())
        sockets.end_if_silent(ours.fileno(), time.monotonic() - ago)
        theirs.setblocking(False)
        if ago:
            with pytest.raises(BlockingIOError):
                theirs.recv(1)
        else:
            assert theirs.recv(1) == b""  # it was ended
    sockets.close()


def test_a_socket_of_libcurl_is_watched_although_one_with_its_number_was_closed() -> None:
    """libcurl closes kept connections without a word, and opens sockets of its own to resolve the name of a proxy."""
    sockets = Sockets()
    (ours, theirs), (other, peer) = socket.socketpair(), socket.socketpair()
    number = ours.fileno()
    sockets.note_opened(number)
    sockets.watch(pycurl.POLL_IN, number, None, None)
    ours.close()
    os.dup2(other.fileno(), number)
    peer.send(b"x")
    sockets.watch(pycurl.POLL_INOUT, number, None, None)
    assert sockets.wait(1.0) == [(number, pycurl.POLL_INOUT)]
    os.close(number)
    for each in (theirs, other, peer, sockets):
        each.close()
