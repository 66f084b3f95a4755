"""The publisher: one thread that answers plain publications, as many at a time as have arrived.

It waits for the next request of a client by itself, because the way over the main thread and a thread of the pool, and
through gunicorn and Flask, costs several times what the publication does. What isn't plain goes that way.
"""

import contextlib
import logging
import os
import selectors
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from flask import Flask

from webhooks_ui.api import plain
from webhooks_ui.database.for_requests import be_for_requests
from webhooks_ui.run.door.incoming import Incoming
from webhooks_ui.run.door.outgoing import Outgoing
from webhooks_ui.run.door.staying import RECEIVED_BYTES

if TYPE_CHECKING:
    from webhooks_ui.run.door.worker import Connection

STAY_SECONDS = 2.0
STAYING_MAX = 256  # clients. Others go back to the main thread, which can close them if it needs room
AT_A_TIME = 200  # requests
LATE_SECONDS = 0.25

logger = logging.getLogger(__name__)

Request = tuple["Connection", Incoming]


class Publisher:
    """Answers publications. All methods but ``run`` may be called by other threads.

    Args:
        answer: lets another thread answer a request.
        give_back: gives a connection to the main thread, which closes it unless it stays open.
        receives: makes the room for a request.
    """

    def __init__(
        self,
        app: Flask,
        answer: Callable[["Connection", Incoming], None],
        give_back: Callable[["Connection", bool], None],
        receives: Callable[[], Incoming],
    ) -> None:
        self._app = app
        self._answer = answer
        self._give_back = give_back
        self._receives = receives
        self._requests: deque[Request] = deque()  # that the main thread has received
        self._guests: deque[Connection] = deque()  # that may stay
        self._staying: dict[Connection, float] = {}  # until when, ordered by that
        self._began = 0.0  # when the present requests were taken. 0: there are none
        self._stops = False
        self._called, self._calls = os.pipe()  # each byte is a reason to look
        os.set_blocking(self._called, False)
        os.set_blocking(self._calls, False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._called, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self.run, name="publisher", daemon=True)
        self._thread.start()

    def take(self, conn: "Connection", incoming: Incoming) -> None:
        """Answer a whole request."""
        self._requests.append((conn, incoming))
        self._call()

    def keep(self, conn: "Connection") -> None:
        """Wait for the next request of a connection that has its answer."""
        self._guests.append(conn)
        self._call()

    def stop(self) -> None:
        """Give all connections back as soon as they have their answers."""
        self._stops = True
        self._call()

    def late(self) -> list[Request]:
        """Return the requests that wait although the present ones take long. The caller must answer them."""
        found: list[Request] = []
        while self.is_late() and self._requests:
            with contextlib.suppress(IndexError):  # the thread goes on
                found.append(self._requests.popleft())
        return found

    def is_late(self) -> bool:
        """Return True if the present requests take long: they may wait for a lock of the database."""
        began = self._began
        return began > 0 and time.monotonic() - began > LATE_SECONDS

    def run(self) -> None:
        """Answer requests for ever."""
        be_for_requests()
        while True:
            arrived = self._arrived()
            self._began = time.monotonic()
            for start in range(0, len(arrived), AT_A_TIME):
                self._work_on(arrived[start : start + AT_A_TIME])
            self._began = 0.0
            self._end_stays()

    # Waiting

    def _arrived(self) -> list[Request]:
        """Wait until there is something to do. Return the requests."""
        first = next(iter(self._staying.values()), None)
        timeout = None if first is None else max(0.0, first - time.monotonic())
        found: list[Request] = []
        for key, _ in self._selector.select(timeout):
            if key.fd == self._called:
                with contextlib.suppress(BlockingIOError):
                    os.read(self._called, 1_024)
            elif request := self._receive(key.data):
                found.append(request)
        while self._guests:
            self._stay(self._guests.popleft())
        while self._requests:
            with contextlib.suppress(IndexError):  # the main thread was quicker, because this one was late
                found.append(self._requests.popleft())
        return found

    def _receive(self, conn: "Connection") -> Request | None:
        """Read what the client of a staying connection sends. Return it if it is a whole request."""
        try:
            data = conn.sock.recv(RECEIVED_BYTES)
        except (BlockingIOError, InterruptedError):
            return None
        except OSError:
            data = b""
        incoming = self._receives()
        incoming.add(data)
        if incoming.is_whole:
            return conn, incoming
        conn.parser.unreader.unread(data)
        self._leave(conn, stays_open=bool(data))
        return None

    def _stay(self, conn: "Connection") -> None:
        """Wait for the next request of a connection, if there is room."""
        if conn in self._staying:
            del self._staying[conn]
        elif len(self._staying) >= STAYING_MAX or self._stops:
            self._give_back(conn, True)
            return
        else:
            try:
                conn.sock.setblocking(False)
                self._selector.register(conn.sock, selectors.EVENT_READ, conn)
            except OSError:  # the system watches no more files
                self._give_back(conn, False)
                return
        self._staying[conn] = time.monotonic() + STAY_SECONDS

    def _leave(self, conn: "Connection", *, stays_open: bool) -> None:
        self._forget(conn)
        self._give_back(conn, stays_open)

    def _forget(self, conn: "Connection") -> None:
        if self._staying.pop(conn, None) is not None:
            self._selector.unregister(conn.sock)

    def _end_stays(self) -> None:
        now = time.monotonic()
        while self._staying:
            conn, until = next(iter(self._staying.items()))
            if until > now and not self._stops:
                return
            self._leave(conn, stays_open=True)

    def _call(self) -> None:
        with contextlib.suppress(BlockingIOError):  # there are enough reasons to look
            os.write(self._calls, b"!")

    # Answering

    def _work_on(self, requests: list[Request]) -> None:
        """Answer the plain ones of these requests. Let other threads answer the others."""
        taken: list[tuple[Request, plain.Plain]] = []
        others: list[Request] = []
        answers: list[bytes | None] = []
        try:
            with self._app.app_context():
                for request in requests:
                    conn, incoming = request
                    read = None if self._stops else plain.read(self._app, bytes(incoming.data), conn.client[0])
                    if read:
                        taken.append((request, read))
                    else:
                        others.append(request)
                answers = plain.publish(self._app, [read for _, read in taken]) if taken else []
        except Exception:  # this thread must go on, and the clients get what the view makes of it
            logger.exception("Publications can't be answered at once")
            others, taken = requests, []
        for (request, _), answer in zip(taken, answers, strict=True):
            if answer is None:
                others.append(request)
            else:
                self._send(request[0], answer)
        for conn, incoming in others:
            self._pass_on(conn, incoming)

    def _pass_on(self, conn: "Connection", incoming: Incoming) -> None:
        """Let another thread answer a request. If none can, close the connection, because this thread must go on."""
        self._forget(conn)
        try:
            self._answer(conn, incoming)
        except RuntimeError:  # the system starts no thread
            logger.exception("A request can't be answered")
            self._give_back(conn, False)

    def _send(self, conn: "Connection", answer: bytes) -> None:
        """Send an answer. What the client doesn't take at once is left to the main thread."""
        conn.init()
        outgoing = Outgoing(conn.sock, 0)
        try:
            outgoing.sendall(answer)
        except OSError:
            self._leave(conn, stays_open=False)
            return
        if outgoing.rest:
            conn.outgoing = outgoing
            self._leave(conn, stays_open=True)
        else:
            conn.outgoing = None
            self._stay(conn)
