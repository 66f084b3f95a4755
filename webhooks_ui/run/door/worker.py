"""The worker class of gunicorn: one thread speaks with all clients, and a few threads answer whole requests.

gunicorn's own threads read what they answer, so that eight connections with half a request each would stop every page,
and so would eight that don't read their answers.
"""

import contextlib
import errno
import io
import selectors
import socket
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

from gunicorn.http.errors import ChunkMissingTerminator, NoMoreData
from gunicorn.workers.gthread import STOP_KEEPALIVE_LINGER, TConn, ThreadWorker

from webhooks_ui import logs
from webhooks_ui.api import plain
from webhooks_ui.run.door.head import check_head
from webhooks_ui.run.door.held import Held
from webhooks_ui.run.door.incoming import Incoming
from webhooks_ui.run.door.listeners import ignore_new
from webhooks_ui.run.door.outgoing import Outgoing
from webhooks_ui.run.door.publisher import Publisher
from webhooks_ui.run.door.refusals import refusal, status_for
from webhooks_ui.run.door.staying import RECEIVED_BYTES, Staying
from webhooks_ui.web import request_log

CHECK_SECONDS = 0.25
HANDSHAKE_SECONDS = 0.05  # that a stopping worker gives connections which have begun
LINGER_SECONDS = 2.0
LINGER_MAX_BYTES = 32 * 1024 * 1024  # thrown away. A proxy that is cut off says 502, and not what the answer was
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
OPERATORS = (b"GET /healthz", b"GET /readyz", b"GET /metrics")
OPERATORS_THREADS = 4  # that answer nothing else, so that those who watch get an answer while all others wait
PUBLISHERS = (b"POST /api/v1/events ", b"POST /api/v1/events?")
PUBLISHERS_THREADS = 16  # that answer small ones and nothing else. They wait for a commit, which they share
PUBLISHERS_MAX_BYTES = 64 * 1024  # of a small one. Larger ones take time and memory, and wait with all others
STAYS = object()  # what a thread returns whose connection the publisher has
BEGINNING_BYTES = 200  # of a request: enough to know which kind of answer an error gets
_FULL = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


@dataclass(frozen=True)
class Limits:
    """What a client may take, in seconds and bytes."""

    head_seconds: float = 10
    body_seconds: float = 30  # for a body of no size. It has more time for each byte that arrives
    body_bytes_per_second: int = 16 * 1024
    body_max_bytes: int = 8 * 1024 * 1024
    held_max_bytes: int = 128 * 1024 * 1024  # of all requests in one process that are not answered
    answer_seconds: float = 30  # for reading an answer. A large one may take as long as a body of its size


class Connection(TConn):  # type: ignore[misc]
    """A connection of a client."""

    sock: socket.socket
    parser: Any
    timeout: float

    def __init__(self, worker: "DoorWorker", sock: socket.socket, client: Any, server: Any) -> None:
        super().__init__(worker.cfg, sock, client, server)
        self.worker = worker
        self.incoming: Incoming | None = None
        self.held_bytes = 0  # in memory until the request is answered
        self.lingered_bytes = 0
        self.outgoing: Outgoing | None = None  # the answer
        self.is_closed = False
        self.is_awaited = False  # the loop waits for bytes of its request
        self.data_ready = True  # gunicorn's threads have nothing to wait for

    def close(self, graceful: bool = False) -> None:
        """Close the connection. If ``graceful``, first let the client read the answer, without blocking anybody."""
        if graceful:
            self.worker.linger(self)
        else:
            self.is_closed = True
            super().close()


class DoorWorker(ThreadWorker):  # type: ignore[misc]
    """Collects each request until it is whole. Only then does a thread get it.

    A request has a deadline for its head, and one for its body, which grows with what has arrived. All requests share a
    limit of memory. Whatever is over a limit gets an answer, and a closed connection.
    """

    limits = Limits()

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.worker_connections += 1  # room for one more than the limit, which then takes the place of the oldest
        self._collecting: dict[Connection, None] = {}  # ordered by time
        self._lingering: dict[Connection, None] = {}
        self._sending: dict[Connection, Future[Any]] = {}  # answers that are not read yet, with what follows
        self._held_bytes = 0
        self._next_check = 0.0
        self._is_stopping = False
        self._present = threading.local()

    def init_process(self) -> None:
        self._operators = ThreadPoolExecutor(OPERATORS_THREADS, "operators")
        self._publishers = ThreadPoolExecutor(PUBLISHERS_THREADS, "publishers")
        self._staying = Staying(self.cfg.threads)
        super().init_process()

    def run(self) -> None:
        """Serve until the process is to stop. The application is loaded."""
        self._publisher = Publisher(self.wsgi, self._answer, self._give_back, self._receives)
        super().run()

    # What gunicorn's loop calls, in the main thread

    def accept(self, listener: socket.socket) -> bool:
        """Accept a new connection. If there are too many, the one that has done nothing for longest makes room.

        Return False if none waits, or none can be accepted.
        """
        try:
            sock, client = listener.accept()
        except OSError as error:
            if error.errno in _FULL:
                self.log.warning("No new connection can be accepted: %s. The oldest one is closed.", error.strerror)
                self._make_room()
            elif error.errno not in (errno.EAGAIN, errno.ECONNABORTED, errno.EWOULDBLOCK):
                raise
            return error.errno == errno.ECONNABORTED
        if self.nr_conns >= self.cfg.worker_connections:
            self._make_room()
        self.nr_conns += 1
        self.enqueue_req(Connection(self, sock, client, listener.getsockname()))
        return True

    def enqueue_req(self, conn: Connection) -> None:
        """Collect the next request of a connection, beginning with what was read beyond the last one."""
        conn.incoming = self._receives()
        conn.is_awaited = False
        conn.timeout = time.monotonic() + self.limits.head_seconds
        if not self.alive:
            conn.timeout = min(conn.timeout, time.monotonic() + STOP_KEEPALIVE_LINGER)
        self._collecting[conn] = None
        conn.sock.setblocking(False)
        early = conn.parser.unreader.take_buffered() if conn.parser else b""
        if early:
            self._take(conn, early)
        else:
            self._receive(conn)
        conn.is_awaited = conn in self._collecting
        if conn.is_awaited:
            self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._on_readable, conn))

    def on_client_socket_readable(self, conn: Connection, client: socket.socket) -> None:
        """Collect the next request of a connection that was kept open."""
        if not conn.is_closed:  # it may have made room for another one, whose event came just before
            super().on_client_socket_readable(conn, client)

    def finish_request(self, conn: Connection, fs: "Future[Any]") -> None:
        """Go on with the next request of a connection, or close it, as soon as the client has its answer."""
        self._let_go(conn)
        if conn.outgoing and conn.outgoing.rest and not fs.cancelled():
            self._send_rest(conn, fs)
        else:
            super().finish_request(conn, fs)

    def murder_pending(self) -> None:
        """End what is late: requests that have not arrived, answers that are not read, and clients that don't close."""
        now = time.monotonic()
        if now < self._next_check:
            return
        self._next_check = now + CHECK_SECONDS
        for conn in [conn for conn in self._collecting if conn.timeout <= now]:
            self._refuse(conn, 408)
        for conn in [conn for conn in self._sending if conn.timeout <= now]:
            self.log.warning("A client did not read its answer in time.")
            self._drop(conn)
        for conn in [conn for conn in self._lingering if conn.timeout <= now]:
            self._end_linger(conn)
        for conn, incoming in self._publisher.late():
            self._answer(conn, incoming)

    def murder_keepalived(self, force: bool = False) -> None:
        """Close connections that were kept open for long enough, unless a request has come at the last moment."""
        if self.keepalived_conns and self.keepalived_conns[0].timeout <= time.monotonic():
            self.wait_for_and_dispatch_events(0)
        super().murder_keepalived(force)

    def _cap_keepalive(self, deadline: float) -> None:
        """Listen no longer, and give all connections a last deadline, because the worker stops."""
        self._is_stopping = True
        self._stop_listening()
        self.nr_conns += len(self._lingering)
        super()._cap_keepalive(deadline)
        self._publisher.stop()
        for conn in self._collecting:
            conn.timeout = min(conn.timeout, deadline)

    def _stop_listening(self) -> None:
        """Accept the connections that wait, and close the listeners.

        Each worker has a listener of its own. As long as it is open, it gets a share of the new connections, and those
        that were not accepted at its end are reset.
        """
        for listener in self.sockets:
            ignore_new(listener)
        time.sleep(HANDSHAKE_SECONDS)
        for listener in self.sockets:
            while self.accept(listener):
                pass
            listener.close()

    # Collecting

    def _on_readable(self, conn: Connection, _sock: socket.socket) -> None:
        if conn in self._collecting:  # else it made room for another one, whose event came just before
            self._receive(conn)

    def _receive(self, conn: Connection) -> None:
        try:
            data = conn.sock.recv(RECEIVED_BYTES)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        if data:
            self._take(conn, data)
        else:
            self._drop(conn)

    def _take(self, conn: Connection, data: bytes) -> None:
        """Add ``data`` to the request. Hand the request over if it is whole."""
        incoming = conn.incoming
        assert incoming is not None  # noqa: S101 (a connection that is read has a request)
        had_head = incoming.has_head
        incoming.add(data)
        self._hold(conn, len(data))
        if conn not in self._collecting:
            return
        if incoming.refused_with:
            self._refuse(conn, incoming.refused_with)
        elif incoming.is_whole:
            self._hand_over(conn, incoming)
        else:
            if incoming.has_head:
                if not had_head:
                    conn.timeout = time.monotonic() + self.limits.body_seconds
                conn.timeout += len(data) / self.limits.body_bytes_per_second
            if incoming.expects_continue and not had_head:
                with contextlib.suppress(OSError):
                    conn.sock.send(CONTINUE)

    def _hand_over(self, conn: Connection, incoming: Incoming) -> None:
        """Give the whole request to a thread, which answers it."""
        if conn.is_awaited:  # most requests arrive whole, before the loop waits for them
            self._forget(conn)
        del self._collecting[conn]
        if _publishes(incoming, plain.REQUEST_MAX_BYTES) and self.alive and not self._publisher.is_late():
            self._let_go(conn)  # the publisher takes it from memory before long
            self._publisher.take(conn, incoming)
        else:
            self._answer(conn, incoming)

    # Sending what a thread has written, and the client hasn't taken yet

    def _send_rest(self, conn: Connection, fs: "Future[Any]") -> None:
        assert conn.outgoing is not None  # noqa: S101 (finish_request has looked)
        size = len(conn.outgoing.rest)
        conn.timeout = time.monotonic() + self.limits.answer_seconds + size / self.limits.body_bytes_per_second
        conn.sock.setblocking(False)
        self._sending[conn] = fs
        try:
            self.poller.register(conn.sock, selectors.EVENT_WRITE, partial(self._on_writable, conn))
        except (OSError, ValueError, KeyError):
            self._drop(conn)
        else:
            self._hold(conn, size)

    def _on_writable(self, conn: Connection, _sock: socket.socket) -> None:
        if conn not in self._sending or conn.outgoing is None:  # it made room for another one
            return
        try:
            conn.outgoing.send_rest()
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self._drop(conn)
            return
        if not conn.outgoing.rest:
            self._forget(conn)
            self._let_go(conn)
            super().finish_request(conn, self._sending.pop(conn))

    # Ending

    def _refuse(self, conn: Connection, status: int) -> None:
        """Answer a request that is not whole, if it has begun, and close the connection."""
        begun = bytes(conn.incoming.data[:BEGINNING_BYTES]) if conn.incoming else b""
        if not begun:
            self._drop(conn)
            return
        self._release(conn)
        request_id = request_log.id_of("")
        self._log_refusal(conn.client, status, "it is not whole", request_id)
        with contextlib.suppress(OSError):
            conn.sock.send(refusal(status, begun, request_id))
        self.linger(conn)

    def _drop(self, conn: Connection) -> None:
        """Close a connection whose request is not whole, or whose answer is not read."""
        self._release(conn)
        conn.close()

    def _release(self, conn: Connection) -> None:
        """Have no more to do with a connection that no thread works for."""
        self._forget(conn)
        self._collecting.pop(conn, None)
        self._sending.pop(conn, None)
        self._let_go(conn)
        self.nr_conns -= 1

    def _hold(self, conn: Connection, size: int) -> None:
        """Count bytes that the connection keeps in memory. Over the limit, make room.

        First go answers that are not read, the oldest before the others, and then the largest request.
        """
        conn.held_bytes += size
        self._held_bytes += size
        while self._held_bytes > self.limits.held_max_bytes and self._sending:
            self._drop(next(iter(self._sending)))
        if self._held_bytes > self.limits.held_max_bytes and self._collecting:
            self._refuse(max(self._collecting, key=lambda held: held.held_bytes), 503)

    def _let_go(self, conn: Connection) -> None:
        """Count the bytes of the connection no longer."""
        self._held_bytes -= conn.held_bytes
        conn.held_bytes = 0

    def _forget(self, conn: Connection) -> None:
        """Stop waiting for bytes of the connection."""
        with contextlib.suppress(KeyError, ValueError):
            self.poller.unregister(conn.sock)

    def _make_room(self) -> None:
        """Close the connection that has done nothing for longest.

        First comes one without a request, then one whose answer is not read, then one with half a request.
        """
        if self.keepalived_conns:
            idle = self.keepalived_conns.popleft()
            self._forget(idle)
            self.nr_conns -= 1
            idle.close()
        elif self._sending:
            self._drop(next(iter(self._sending)))
        elif self._collecting:
            self._refuse(next(iter(self._collecting)), 503)

    def linger(self, conn: Connection) -> None:
        """Close the connection once the client has read the answer, or after a while (RFC 9112, section 9.6).

        A connection that is closed while the client still sends would be reset, and the answer lost.
        """
        try:
            conn.sock.setblocking(False)
            conn.sock.shutdown(socket.SHUT_WR)
            self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._on_lingering, conn))
        except (OSError, ValueError, KeyError):
            conn.close()
            return
        conn.incoming = None
        conn.timeout = time.monotonic() + LINGER_SECONDS
        self._lingering[conn] = None
        self.nr_conns += self._is_stopping  # gunicorn waits for what is counted
        if len(self._lingering) > self.cfg.worker_connections:
            self._end_linger(next(iter(self._lingering)))

    def _on_lingering(self, conn: Connection, _sock: socket.socket) -> None:
        if conn not in self._lingering:
            return
        try:
            received = len(conn.sock.recv(RECEIVED_BYTES))
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            received = 0
        conn.lingered_bytes += received
        if not received or conn.lingered_bytes > LINGER_MAX_BYTES:
            self._end_linger(conn)

    def _end_linger(self, conn: Connection) -> None:
        del self._lingering[conn]
        self.nr_conns -= self._is_stopping
        self._forget(conn)
        conn.close()

    # What other threads call

    def _answer(self, conn: Connection, incoming: Incoming) -> None:
        """Let a thread parse the request from memory, and answer it."""
        conn.init()
        conn.incoming = incoming
        conn.parser.unreader = Held(bytes(incoming.data))
        publishes = _publishes(incoming, PUBLISHERS_MAX_BYTES)
        del incoming.data[BEGINNING_BYTES:]
        if incoming.data.startswith(OPERATORS):
            done = self._operators.submit(self.handle, conn)
        elif publishes:
            done = self._publishers.submit(self._handle_publication, conn)
        else:
            self._staying.want()
            done = self.tpool.submit(self._handle_series, conn)
        done.add_done_callback(lambda future: self._finish(conn, future))

    def _finish(self, conn: Connection, future: "Future[Any]") -> None:
        if future.cancelled() or future.exception() or future.result() is not STAYS:
            self.method_queue.defer(self.finish_request, conn, future)

    def _give_back(self, conn: Connection, stays_open: bool) -> None:
        """Let the main thread go on with a connection, or close it."""
        done: Future[bool] = Future()
        done.set_result(stays_open)
        self.method_queue.defer(self.finish_request, conn, done)

    def _receives(self) -> Incoming:
        """Make the room for a request."""
        return Incoming(self.limits.body_max_bytes)

    def handle(self, conn: Connection) -> Any:
        """Parse and answer a request."""
        self._present.conn = conn
        stays_open = super().handle(conn)
        conn.parser.unreader.keep_rest()
        return stays_open

    def _handle_series(self, conn: Connection) -> Any:
        """Answer a request, and those that follow it soon. Return whether the connection stays open."""
        try:
            stays_open = self.handle(conn)
            while stays_open and self._next_is_whole(conn):
                stays_open = self.handle(conn)
            return stays_open
        finally:
            self._staying.leave()

    def _next_is_whole(self, conn: Connection) -> bool:
        """Wait for the next request of the connection. Return whether it has arrived whole, and publishes nothing.

        Else the loop goes on.
        """
        if not self._may_stay(conn):
            return False
        try:
            data = self._staying.receive(conn.sock)
        except OSError:
            return False
        conn.parser.unreader.unread(data)
        incoming = self._receives()
        incoming.add(data)
        if not incoming.is_whole or _publishes(incoming, PUBLISHERS_MAX_BYTES):
            return False
        conn.incoming = incoming
        return True

    def _handle_publication(self, conn: Connection) -> Any:
        """Answer a publication. Return ``STAYS`` if the publisher waits for the next one."""
        stays_open = self.handle(conn)
        if not stays_open or not self._may_stay(conn):
            return stays_open
        self.method_queue.defer(self._let_go, conn)
        self._publisher.keep(conn)
        return STAYS

    def _may_stay(self, conn: Connection) -> bool:
        """Return True if nothing has to be done for a connection before its next request arrives."""
        has_more = conn.parser.unreader.buf.getbuffer().nbytes or (conn.outgoing and conn.outgoing.rest)
        return self.alive and not has_more

    def handle_request(self, req: Any, conn: Connection) -> Any:
        """Answer a parsed request. What the client doesn't read at once is left to the main thread."""
        check_head(req)
        req._expected_100_continue = False  # it was sent when the head had arrived
        if conn.incoming and conn.incoming.is_cut:
            req.force_close()
        if conn.incoming and conn.incoming.is_chunked:
            req.body = _read_chunks(req.body)
        sock = conn.sock
        conn.outgoing = Outgoing(sock, self.limits.answer_seconds)
        conn.sock = conn.outgoing  # type: ignore[assignment]
        try:
            return super().handle_request(req, conn)
        except TimeoutError:
            self.log.warning("A client did not read its answer within %d s.", self.limits.answer_seconds)
            conn.outgoing = None
            return False
        finally:
            conn.sock = sock

    def _keepalive_after(self, conn: Connection, keepalive: bool) -> bool:
        return super()._keepalive_after(conn, keepalive) and not conn.parser.unreader.ran_out

    def handle_error(self, req: Any, client: socket.socket, addr: Any, exc: BaseException) -> None:
        """Answer a request that can't be parsed, or whose view failed outside of Flask."""
        status, request_id = status_for(exc), request_log.id_of("")
        if status >= 500 and status != 501:
            self.log.error("Error while answering a request", exc_info=exc, extra=logs.ids(request=request_id))
        else:
            self._log_refusal(addr, status, type(exc).__name__, request_id)
        begun = bytes(self._present.conn.incoming.data) if self._present.conn.incoming else b""
        with contextlib.suppress(OSError):
            client.settimeout(self.limits.answer_seconds)
            client.sendall(refusal(status, begun, request_id))

    def _log_refusal(self, client: Any, status: int, reason: str, request_id: str) -> None:
        sentence = "A request of %s is refused with %d: %s"
        self.log.warning(sentence, client and client[0], status, reason, extra=logs.ids(request=request_id))


def _publishes(incoming: Incoming, max_bytes: int) -> bool:
    """Return True for a publication of up to ``max_bytes``."""
    return incoming.data.startswith(PUBLISHERS) and len(incoming.data) <= max_bytes


def _read_chunks(body: Any) -> io.BytesIO:
    """Return a chunked body as a file. A mistake in it is found before the application begins.

    Raises:
        gunicorn.http.errors.ParseException: The chunks are wrong.
    """
    try:
        return io.BytesIO(body.read())
    except NoMoreData:
        raise ChunkMissingTerminator(b"") from None
