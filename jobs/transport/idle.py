"""Connections that are kept open between requests: so many over all hosts, and none for long without use."""

import threading
import time
import weakref
from collections import OrderedDict, defaultdict
from typing import Any

from urllib3.util.connection import is_connection_dropped

Host = tuple[Any, ...]  # scheme, name and port


class IdleConnections:
    """Safe to use from any thread. Open sockets are scarce: a worker may have a thousand, for thousands of hosts.

    Args:
        most: connections in all.
        seconds: after which an unused one is closed.
    """

    def __init__(self, most: int, seconds: float) -> None:
        self._most = most
        self._seconds = seconds
        self._lock = threading.Lock()
        self._kept: OrderedDict[int, tuple[Any, Host, float]] = OrderedDict()  # by id of the connection, oldest first
        weakref.finalize(self, _close_all, self._kept)
        self._of_host: dict[Host, list[int]] = defaultdict(list)  # likewise

    def take(self, host: Host) -> Any:
        """The connection to ``host`` that was used last and is still open, or ``None``."""
        while True:
            with self._lock:
                if not self._of_host.get(host):
                    return None
                connection = self._remove(host, -1)
            if not is_connection_dropped(connection):
                return connection
            connection.close()

    def keep(self, host: Host, connection: Any) -> None:
        """Keep ``connection``, unless it is closed; in its stead an old one may go."""
        if connection.sock is None:
            return
        now = time.monotonic()
        old = []
        with self._lock:
            self._kept[id(connection)] = connection, host, now
            self._of_host[host].append(id(connection))
            while len(self._kept) > self._most or self._oldest_at() < now - self._seconds:
                old.append(self._remove(next(iter(self._kept.values()))[1], 0))
        for connection in old:
            connection.close()

    def _oldest_at(self) -> float:
        return next(iter(self._kept.values()))[2]

    def _remove(self, host: Host, position: int) -> Any:
        """Take out the oldest (0) or the youngest (-1) connection of ``host``."""
        connection, _, _ = self._kept.pop(self._of_host[host].pop(position))
        if not self._of_host[host]:
            del self._of_host[host]
        return connection


def _close_all(kept: OrderedDict[int, tuple[Any, Host, float]]) -> None:
    for connection, _, _ in kept.values():
        connection.close()
