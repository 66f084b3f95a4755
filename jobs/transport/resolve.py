"""Resolve: the addresses of host names. A name whose servers hang holds up nobody but its own requests.

getaddrinfo knows no timeout, so it runs in threads of its own, one a name at a time. Their number is bounded, and those
that have nothing to do end. A name that was resolved lately is not asked for again, and one that was resolved some time
ago is used while it is renewed, as long as its endpoint answers.
"""

import contextlib
import math
import queue
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from webhooks_ui.webhooks.destination import Address
from webhooks_ui.webhooks.targets import look_up

THREADS_MAX = 512  # half the requests of a worker may wait for endpoints that have proven nothing
IDLE_SECONDS = 10.0  # after which a thread ends
FRESH_SECONDS = 30.0  # how long an answer is used without asking again
STALE_SECONDS = 300.0  # how long it is used at most, while a new answer doesn't come
NAMES_KEPT = 10_000


@dataclass(slots=True)
class Lookup:
    """A question to the resolver, for all that wait for the answer."""

    host: str
    addresses: tuple[Address, ...] = ()  # empty: the name has none
    error: str = ""
    waiting: list[Any] = field(default_factory=list)


@dataclass(slots=True)
class Known:
    """What is known of a name."""

    addresses: tuple[Address, ...]
    resolved_at: float
    best: Address | None = None  # the address to begin with: the one to which a connection was made last


class Resolver:
    """Used by one thread, but for the threads that it starts.

    Args:
        on_answer: is called in another thread when an answer is there, which ``settle`` then gives.
    """

    def __init__(self, on_answer: Callable[[], None]) -> None:
        self._on_answer = on_answer
        self._known: OrderedDict[str, Known] = OrderedDict()  # the oldest first
        self._under_way: dict[str, Lookup] = {}
        self._asked: queue.SimpleQueue[Lookup] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[Lookup] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._threads = 0  # that run

    def known(self, host: str) -> tuple[Address, ...]:
        """Return the addresses of ``host`` as far as they are known, the best one first."""
        entry = self._known.get(host)
        if entry is None:
            return ()
        age = time.monotonic() - entry.resolved_at
        if age > STALE_SECONDS:
            return ()
        if age > FRESH_SECONDS:
            self.ask(host)
        return tuple(sorted(entry.addresses, key=lambda address: address != entry.best))

    def ask(self, host: str) -> Lookup:
        """Return the question for ``host``: a new one, or the one that is under way."""
        if (lookup := self._under_way.get(host)) is not None:
            return lookup
        lookup = self._under_way[host] = Lookup(host)
        self._asked.put(lookup)
        self._start_thread()
        return lookup

    def settle(self) -> list[Lookup]:
        """Return the questions that were answered, and remember the answers."""
        settled = []
        while not self._answers.empty():
            lookup = self._answers.get()
            del self._under_way[lookup.host]
            before = self._known.pop(lookup.host, None)
            if lookup.addresses:
                best = before.best if before else None
                self._known[lookup.host] = Known(lookup.addresses, time.monotonic(), best)
            settled.append(lookup)
        while len(self._known) > NAMES_KEPT:
            self._known.popitem(last=False)
        return settled

    def note_answer(self, host: str, address: Address) -> None:
        """Remember to which of its addresses a connection was made."""
        if entry := self._known.get(host):
            entry.best = address

    def note_failure(self, host: str, address: Address) -> None:
        """Begin with the address after this one the next time."""
        entry = self._known.get(host)
        if entry and address in entry.addresses:
            entry.best = entry.addresses[(entry.addresses.index(address) + 1) % len(entry.addresses)]

    def doubt(self, host: str) -> None:
        """Ask for ``host`` again the next time, because no answer came from its addresses. It may have moved.

        If it hasn't, the same address is the best one.
        """
        if entry := self._known.get(host):
            entry.resolved_at = -math.inf

    def _start_thread(self) -> None:
        """Start one more thread if it is needed. If the system refuses, the question waits for the others."""
        with self._lock:
            if self._threads >= min(len(self._under_way), THREADS_MAX):
                return
            self._threads += 1
            try:
                threading.Thread(target=self._work, name="resolve", daemon=True).start()
            except RuntimeError:
                self._threads -= 1

    def _next(self) -> Lookup | None:
        """Return the next question, or ``None`` if the thread must end."""
        while True:
            with contextlib.suppress(queue.Empty):
                return self._asked.get(timeout=IDLE_SECONDS)
            with self._lock:  # nobody asks meanwhile and relies on this thread
                if self._asked.empty():
                    self._threads -= 1
                    return None

    def _work(self) -> None:
        while lookup := self._next():
            try:
                lookup.addresses = look_up(lookup.host)
            except Exception as error:  # also of a name that can't be encoded: a thread that dies answers nobody
                lookup.error = getattr(error, "strerror", "") or str(error) or type(error).__name__
            self._answers.put(lookup)
            self._on_answer()
