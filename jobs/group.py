"""Group: publications that arrive while others are being committed share the next transaction.

Most of what a publication costs is its transaction. Each publisher is answered after the commit of its own events. If
something is wrong with one publication, the others of its group are committed all the same.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

from flask import Flask

from jobs.store import OtherContent, Publication, Stored, store
from webhooks_ui.database import KeptConnections, db, dialect, is_conflict, kept_connections, outage
from webhooks_ui.webhooks.known_subscribers import KnownSubscribers

EVENTS_MAX = 200  # of a group, unless one publication has more: so that a small one doesn't wait for many large ones
LONG_SECONDS = 5.0  # as long as a connection to a server that doesn't answer is tried
TRIES = 3  # of a transaction that is in the way of others

logger = logging.getLogger(__name__)

After = Callable[[Sequence[tuple[Publication, Stored]]], None]


class Waiting:
    """A publication that waits for its commit.

    Args:
        goes_on: is set when this is done, and when its thread is to commit it together with others.
    """

    def __init__(self, publication: Publication, goes_on: threading.Event) -> None:
        self.publication = publication
        self.stored: Stored | None = None
        self.error: Exception | None = None
        self.others: list[Waiting] | None = None  # that its thread commits with it. None: another thread commits it
        self.is_done = False
        self.goes_on = goes_on
        self.since = time.monotonic()

    def fail(self, error: Exception) -> None:
        self.error = self.error or error
        self.end()

    def end(self) -> None:
        self.is_done = True
        self.goes_on.set()


class Groups:
    """Commits the publications of one process. Threads may share it.

    Args:
        connections: for the transactions.
        transactions: how many may run at a time.
        memory: of who gets which events.
    """

    def __init__(self, connections: KeptConnections, transactions: int, memory: KnownSubscribers | None = None) -> None:
        self._connections = connections
        self._memory = memory
        self._lock = threading.Lock()
        self._free = transactions
        self._queue: deque[Waiting] = deque()

    def commit(self, publications: Sequence[Publication], after: After) -> list[Stored | Exception]:
        """Store each of the ``publications``, perhaps together with others. Return what became of each.

        ``OtherContent`` means that an id came again with other content, and ``FactChanged`` that what the publication
        rests on holds no more. Nothing is stored of a publication with an error.

        Args:
            after: is called once after the commit of a group, in one of its threads.
        """
        goes_on = threading.Event()
        own = [Waiting(publication, goes_on) for publication in publications]
        with self._lock:
            self._queue.extend(own)
            if self._free:  # then no other one waits
                self._free -= 1
                self._appoint()
        while not all(waiting.is_done for waiting in own):
            leader = next((waiting for waiting in own if waiting.others is not None and not waiting.is_done), None)
            if leader:
                self._lead([leader, *(leader.others or ())], after)
            else:
                goes_on.wait()
                goes_on.clear()
        return [waiting.stored or waiting.error for waiting in own]  # type: ignore[misc]  # whoever leads leaves one

    def _lead(self, group: Sequence[Waiting], after: After) -> None:
        """Commit ``group``, let the next one be committed, and tell all of ``group``."""
        try:
            try:
                self._commit(group)
            finally:
                self._pass_on(next((each.error for each in group if each.error and outage(each.error)), None))
            committed = [(waiting.publication, waiting.stored) for waiting in group if waiting.stored]
            if committed:
                after(committed)
        except Exception as error:
            for waiting in group:
                if waiting.stored is None:
                    waiting.error = waiting.error or error
            if any(waiting.stored for waiting in group):
                logger.exception("Events are stored, but nobody could be told.")  # the sweep finds them
        finally:
            for waiting in group:
                waiting.end()

    def _pass_on(self, trouble: Exception | None) -> None:
        """Let the thread of the next publication lead. If none waits, the next one to come leads.

        Args:
            trouble: an outage of the database. Those who have waited for long hear of it, too. If each of them waited
                for the database in its turn, the last one would get no answer for minutes.
        """
        with self._lock:
            while trouble and self._queue and time.monotonic() - self._queue[0].since >= LONG_SECONDS:
                self._queue.popleft().fail(trouble)
            if self._queue:
                self._appoint().goes_on.set()
            else:
                self._free += 1

    def _appoint(self) -> Waiting:
        """Take a group from the queue, and let the thread of its first publication commit it. Return the first one.

        The group ends before it would have more than ``EVENTS_MAX`` events. The lock is held, so that no other thread
        can take the same ones.
        """
        first = self._queue.popleft()
        first.others = []
        events = len(first.publication.events)
        while self._queue and events + len(self._queue[0].publication.events) <= EVENTS_MAX:
            first.others.append(self._queue.popleft())
            events += len(first.others[-1].publication.events)
        return first

    def _commit(self, group: Sequence[Waiting], tries: int = TRIES) -> None:
        """Commit a group in one transaction. If it is too large, or one of them is wrong, commit each half by itself.

        Another process may publish the same ids in another order. Then the database ends one of the two transactions.
        """
        publications = [waiting.publication for waiting in group]
        are_single = all(len(each.events) == 1 for each in publications)
        try:
            with self._connections.write_transaction(one_statement=are_single) as connection:
                became = store(connection, publications, self._memory)
                for publication, what in zip(publications, became, strict=True):
                    if isinstance(what, OtherContent) and len(publication.events) > 1:
                        raise what  # others of its events are in the transaction
        except Exception as error:
            if is_conflict(error) and tries > 1:
                self._commit(group, tries - 1)
            elif len(group) == 1 or outage(error):
                for waiting in group:
                    waiting.error = error
            else:
                middle = len(group) // 2
                self._commit(group[:middle])
                self._commit(group[middle:])
            return
        for waiting, what in zip(group, became, strict=True):
            if isinstance(what, Stored):
                waiting.stored = what
            else:
                waiting.error = what


def groups_of(app: Flask) -> Groups:
    """Return the groups of this process."""
    if "groups" not in app.extensions:
        database = dialect(db.engine)
        memory = KnownSubscribers() if database.HAS_ROUND_TRIPS else None
        app.extensions.setdefault("groups", Groups(kept_connections(app), database.PUBLISHING, memory))
    groups: Groups = app.extensions["groups"]
    return groups
