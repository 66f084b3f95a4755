"""When a connection counts as silent."""

import socket
import time

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
