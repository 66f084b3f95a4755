"""Share: how long one transfer may keep the thread busy in which all others wait.

libcurl goes on with a transfer while its server changes the state of the connection, as GOAWAY of HTTP/2 does
(RFC 9113, section 6.8). A server that repeats it faster than it can be read would hold the thread until the deadline.
"""

import time

SHARE_SECONDS = 0.1  # of processor time, in one turn. A whole request takes a few thousandths of a second
STEP_SECONDS = 0.01  # of one step that count at most: a signature with a very long key takes longer, and is no flood


class Share:
    """What the present transfer has used of its share. Used by one thread."""

    def __init__(self) -> None:
        self._holder: object = None
        self._used = self._noted = 0.0  # seconds, and when they were noted, in the processor time of the thread

    def begin_turn(self) -> None:
        """Begin a new turn, in which each transfer has its whole share."""
        self._holder = None

    def is_used_up(self, holder: object) -> bool:
        """Note a step of ``holder``. Return True if it has kept the thread for longer than its share."""
        now = time.thread_time()
        if holder is self._holder:
            self._used += min(now - self._noted, STEP_SECONDS)
        else:
            self._holder, self._used = holder, 0.0
        self._noted = now
        return self._used > SHARE_SECONDS
