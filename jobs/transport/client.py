"""Client: an event loop over libcurl, which makes any number of requests at a time in one thread."""

import heapq
import ipaddress
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import pycurl

from jobs.transport.exchange import ClientCertificate, Connection, Exchange
from jobs.transport.handle import Handle, Settings, bracketed
from jobs.transport.resolve import Lookup, Resolver
from jobs.transport.sockets import Sockets
from webhooks_ui.configuration.values import Network
from webhooks_ui.webhooks.destination import Destination, TargetError, destination
from webhooks_ui.webhooks.forbidden import is_bad_port
from webhooks_ui.webhooks.targets import is_allowed

HTTP_1_HOSTS_MAX = 10_000  # to remember


class Client:
    """Makes requests. All but ``wake`` must be called by one thread.

    Args:
        allowed: networks that may be targets although they are private, and by plain http.
        requests: how many there are at a time, at most.
        authorities: the file of certificate authorities that are trusted.
        proxy: the URL of a proxy that all requests go through. Empty: none.
    """

    def __init__(self, allowed: Sequence[Network], requests: int, authorities: Path, proxy: str = "") -> None:
        self._allowed = allowed
        self._sockets = Sockets()
        self._settings = Settings(allowed, authorities, proxy, self._sockets.note_opened)
        self._resolver = Resolver(self.wake)
        self._resolving: list[tuple[float, int, Exchange]] = []  # a heap, the earliest deadline first, then by id
        self._handles: dict[Any, Handle] = {}  # those in use, by libcurl's object
        self._free: list[Handle] = []
        self._connections: OrderedDict[int, Connection] = OrderedDict()  # by libcurl's number, the oldest first
        self._connections_max = requests
        self._http_1_hosts: set[tuple[str, int]] = set()  # names and ports of endpoints that refuse HTTP/2
        self._ended: list[Exchange] = []
        self._timer_at: float | None = None  # when libcurl wants to be called, on the monotonic clock
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_MAXCONNECTS, self._connections_max)
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._sockets.watch)
        self._multi.setopt(pycurl.M_TIMERFUNCTION, self._set_timer)

    def wake(self) -> None:
        """End the present ``turn``, from any thread."""
        self._sockets.wake()

    def start(
        self,
        key: Any,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        seconds: float,
        client_certificate: ClientCertificate | None = None,
    ) -> None:
        """Begin to POST ``body``. A later ``turn`` returns the exchange.

        Args:
            key: tells the caller which exchange it is.
            seconds: for the whole request, from the resolution of the name to the end of the answer.
        """
        try:
            target, wrong = _destination(url), ""
        except TargetError as error:  # a URL that was saved before such URLs were refused
            target, wrong = Destination(url, "", "", 0, None), str(error)
        exchange = Exchange(key, target, headers, body, seconds, client_certificate)
        if wrong:
            exchange.error, exchange.message = pycurl.E_COULDNT_RESOLVE_HOST, wrong
            self._end(exchange)
            return
        if is_bad_port(target.port):
            exchange.blocked = f"Port {target.port} belongs to another protocol"
            self._end(exchange)
            return
        exchange.addresses = (target.address,) if target.address else self._resolver.known(target.host)
        if exchange.addresses:
            self._send(exchange)
        else:
            self._resolver.ask(target.host).waiting.append(exchange)
            heapq.heappush(self._resolving, (exchange.deadline, id(exchange), exchange))

    def push(self) -> None:
        """Let requests that were started go out at once, as far as their connections are there already."""
        if self._timer_at is not None and self._timer_at <= time.monotonic():
            self._timer_at = None
            self._multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)
        self._collect()  # some may have ended at once

    def turn(self, seconds: float) -> list[Exchange]:
        """Do what there is to do, and return the exchanges that ended. Wait for the first of them, if necessary.

        Args:
            seconds: how long to wait at most.
        """
        happened = self._sockets.wait(0.0 if self._ended else self._patience(seconds))
        self._settings.share.begin_turn()
        for socket, events in happened:
            self._multi.socket_action(socket, events)
        for lookup in self._resolver.settle():
            self._go_on(lookup)
        self.push()
        self._give_up_resolving()
        ended, self._ended = self._ended, []
        return ended

    def close(self) -> None:
        """Drop all requests and connections."""
        for handle in self._handles.values():
            self._multi.remove_handle(handle.curl)
        self._multi.close()
        self._sockets.close()

    def _patience(self, seconds: float) -> float:
        now = time.monotonic()
        if self._timer_at is not None:
            seconds = min(seconds, self._timer_at - now)
        if self._resolving:
            seconds = min(seconds, self._resolving[0][0] - now)
        return max(0.0, seconds)

    def _set_timer(self, milliseconds: int) -> None:
        """Remember when libcurl wants to be called. libcurl calls this."""
        self._timer_at = None if milliseconds < 0 else time.monotonic() + milliseconds / 1_000

    def _send(self, exchange: Exchange) -> None:
        """Hand the exchange to libcurl, if all its addresses may be targets.

        A public name that also leads inside is an attack, or a mistake.
        """
        scheme = exchange.target.scheme
        forbidden = next((a for a in exchange.addresses if not is_allowed(a, scheme, self._allowed)), None)
        if forbidden:
            exchange.block(forbidden)
            self._end(exchange)
            return
        try:
            handle = self._free.pop() if self._free else Handle(self._settings)
            speaks_http_1 = (exchange.target.host, exchange.target.port) in self._http_1_hosts
            handle.load(exchange, speaks_http_1=speaks_http_1)
            self._multi.add_handle(handle.curl)
        except Exception as error:  # nobody else must suffer from it
            exchange.failure = error
            self._end(exchange)
        else:
            self._handles[handle.curl] = handle

    def _go_on(self, lookup: Lookup) -> None:
        """Go on with the exchanges that waited for an answer of the resolver."""
        for exchange in lookup.waiting:
            if not exchange.is_ended:
                exchange.addresses = lookup.addresses
                if lookup.addresses:
                    self._send(exchange)
                else:
                    exchange.error, exchange.message = pycurl.E_COULDNT_RESOLVE_HOST, lookup.error
                    self._end(exchange)

    def _give_up_resolving(self) -> None:
        """End the exchanges whose time is over before their names were resolved."""
        now = time.monotonic()
        while self._resolving:
            deadline, _, exchange = self._resolving[0]
            is_waiting = not exchange.addresses and not exchange.is_ended
            if is_waiting and deadline > now:
                return
            heapq.heappop(self._resolving)
            if is_waiting:
                exchange.error = pycurl.E_OPERATION_TIMEDOUT
                self._end(exchange)

    def _collect(self) -> None:
        """Take the exchanges that libcurl has ended."""
        _, succeeded, failed = self._multi.info_read()
        for curl in succeeded:
            self._take(self._handles[curl])
        for curl, error, message in failed:
            handle = self._handles[curl]
            handle.exchange.error, handle.exchange.message = error, message
            self._take(handle)

    def _take(self, handle: Handle) -> None:
        self._note_connection(handle)
        self._end_if_dead(handle)
        self._multi.remove_handle(handle.curl)
        del self._handles[handle.curl]
        self._free.append(handle)
        exchange = handle.unload()
        if exchange.wants_http_1:
            self._note_http_1(exchange.target)
        if exchange.was_stale:
            exchange.begin_again()
            self._send(exchange)
            return
        if exchange.is_held_by_proxy:
            self._resolver.note_failure(exchange.target.host, exchange.addresses[0])
            if exchange.may_go_elsewhere:
                exchange.go_elsewhere()
                self._send(exchange)
                return
        elif exchange.error is not None and not exchange.head_bytes:
            self._resolver.doubt(exchange.target.host)
        self._end(exchange)

    def _note_connection(self, handle: Handle) -> None:
        """Find out which connection was used. Of a new one, remember it for the exchanges that follow."""
        exchange, number, address = handle.exchange, handle.curl.getinfo(pycurl.CONN_ID), handle.peer
        target = exchange.target
        if address is None:
            exchange.connection = self._connections.get(number) or self._shared(handle)
            if number in self._connections:
                self._connections.move_to_end(number)
            return
        is_good = exchange.status is not None
        exchange.connection = Connection(f"{bracketed(address)}:{target.port}", exchange.tls if is_good else None)
        if not is_good:
            return
        self._connections[number] = exchange.connection
        if len(self._connections) > self._connections_max:
            self._connections.popitem(last=False)
        if handle.curl.getinfo(pycurl.INFO_HTTP_VERSION) == pycurl.CURL_HTTP_VERSION_2_0:
            self._sockets.note_multiplexed(exchange.socket)
        self._resolver.note_answer(target.host, address)

    def _note_http_1(self, target: Destination) -> None:
        """Offer the endpoint no HTTP/2 from now on, because each request would have to be repeated.

        A repetition on a kept connection doesn't count (see ``Exchange.was_stale``), so some requests would fail.
        """
        if len(self._http_1_hosts) >= HTTP_1_HOSTS_MAX:
            self._http_1_hosts.clear()
        self._http_1_hosts.add((target.host, target.port))

    def _end_if_dead(self, handle: Handle) -> None:
        """End the connection of an exchange that has timed out, if nothing came on it in that time.

        libcurl ends a connection of HTTP/1 itself, but keeps one of HTTP/2 for the next requests. If its peer is gone
        without a word, they would all time out. Requests that share the connection fail with it. So it must have been
        silent for as long as the most patient request to the host waits, because another webhook may have more time.
        """
        exchange = handle.exchange
        if exchange.error != pycurl.E_OPERATION_TIMEDOUT or not exchange.sent_at:
            return
        if (kept := handle.curl.getinfo(pycurl.ACTIVESOCKET)) != pycurl.SOCKET_BAD:
            others = [other.exchange for other in self._handles.values()]
            longest = max(other.seconds for other in others if other.target.host == exchange.target.host)
            self._sockets.end_if_silent(kept, exchange.sent_at - (longest - exchange.seconds))

    def _shared(self, handle: Handle) -> Connection | None:
        """Return what is known of a connection whose first exchange goes on, which HTTP/2 allows."""
        exchange = handle.exchange
        if exchange.status is None:
            return None
        address = ipaddress.ip_address(handle.curl.getinfo(pycurl.PRIMARY_IP))
        peer = exchange.addresses[0] if self._settings.proxy else address
        return Connection(f"{bracketed(peer)}:{exchange.target.port}", None)

    def _end(self, exchange: Exchange) -> None:
        exchange.end()
        self._ended.append(exchange)


_destination = lru_cache(maxsize=4_096)(destination)
