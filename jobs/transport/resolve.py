"""Resolve: a host's addresses, within the time there is. A resolver that hangs holds up nobody but its own host."""

import ipaddress
import socket
import threading
from dataclasses import dataclass, field
from typing import Any

from webhooks_ui.webhooks.destination import Address


class NameNotResolved(Exception):
    """The host name has no address."""


@dataclass
class _Lookup:
    """One call of getaddrinfo, for all that wait for it."""

    done: threading.Event = field(default_factory=threading.Event)
    found: list[Any] = field(default_factory=list)
    error: Exception | None = None


_lock = threading.Lock()
_under_way: dict[tuple[str, int], _Lookup] = {}


def resolve(host: str, port: int, seconds: float) -> list[Address]:
    """The addresses of ``host``.

    getaddrinfo knows no timeout, so it runs in a thread of its own, one a host at a time; whoever comes meanwhile waits
    for the same answer. The threads are daemons: they keep no process from ending.

    Raises:
        NameNotResolved: it has none.
        TimeoutError: the resolver didn't answer within ``seconds``.
    """
    with _lock:
        lookup = _under_way.get((host, port))
        if lookup is None:
            lookup = _Lookup()
            threading.Thread(target=_look_up, args=(host, port, lookup), name="resolve", daemon=True).start()
            _under_way[host, port] = lookup  # not if no thread could be started: nobody would end it
    if not lookup.done.wait(seconds):
        raise TimeoutError("the name was not resolved in time")
    if lookup.error is not None:
        raise NameNotResolved(str(lookup.error)) from lookup.error
    return list(dict.fromkeys(ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in lookup.found))


def _look_up(host: str, port: int, lookup: _Lookup) -> None:
    try:
        lookup.found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        lookup.error = error
    finally:
        with _lock:
            del _under_way[host, port]
        lookup.done.set()
