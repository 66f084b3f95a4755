"""Names that are resolved once, renewed in time, and that hang."""

import ipaddress
import socket
import threading

import pytest

from jobs.transport import resolve
from jobs.transport.resolve import FRESH_SECONDS, STALE_SECONDS, Resolver
from tests.support.waiting import wait_for

FIRST, SECOND = ipaddress.ip_address("127.0.0.1"), ipaddress.ip_address("127.0.0.2")


class Clock:
    """The clock of the resolver, which a test sets."""

    now = 1_000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(resolve, "time", clock)
    return clock


@pytest.fixture
def resolver() -> Resolver:
    return Resolver(lambda: None)


def learn(resolver: Resolver, host: str) -> None:
    """Ask for ``host`` and wait for the answer."""
    resolver.ask(host)
    wait_for(lambda: [lookup for lookup in resolver.settle() if lookup.host == host])


def test_a_name_is_asked_for_once_in_a_while(resolver: Resolver, clock: Clock, names: dict[str, list[str]]) -> None:
    names["a.example.com"] = ["127.0.0.1", "127.0.0.2"]
    assert resolver.known("a.example.com") == ()
    learn(resolver, "a.example.com")
    names["a.example.com"] = ["127.0.0.2"]
    clock.now += FRESH_SECONDS - 1
    assert resolver.known("a.example.com") == (FIRST, SECOND)
    assert resolver.settle() == []


def test_an_old_answer_is_used_while_a_new_one_is_on_its_way(
    resolver: Resolver, clock: Clock, names: dict[str, list[str]]
) -> None:
    names["a.example.com"] = ["127.0.0.1"]
    learn(resolver, "a.example.com")
    names["a.example.com"] = ["127.0.0.2"]
    clock.now += FRESH_SECONDS + 1
    assert resolver.known("a.example.com") == (FIRST,)
    wait_for(resolver.settle)
    assert resolver.known("a.example.com") == (SECOND,)


def test_a_very_old_answer_is_not_used(resolver: Resolver, clock: Clock, names: dict[str, list[str]]) -> None:
    names["a.example.com"] = ["127.0.0.1"]
    learn(resolver, "a.example.com")
    clock.now += STALE_SECONDS + 1
    assert resolver.known("a.example.com") == ()


def test_a_name_that_is_gone_is_forgotten(resolver: Resolver, clock: Clock, names: dict[str, list[str]]) -> None:
    names["a.example.com"] = ["127.0.0.1"]
    learn(resolver, "a.example.com")
    names["a.example.com"] = []
    clock.now += FRESH_SECONDS + 1
    assert resolver.known("a.example.com") == (FIRST,)
    (lookup,) = wait_for(resolver.settle)
    assert (lookup.addresses, lookup.error) == ((), "Name or service not known")
    assert resolver.known("a.example.com") == ()


def test_the_address_that_answered_comes_first_also_after_a_renewal(
    resolver: Resolver, clock: Clock, names: dict[str, list[str]]
) -> None:
    names["a.example.com"] = ["127.0.0.1", "127.0.0.2"]
    learn(resolver, "a.example.com")
    resolver.note_answer("a.example.com", SECOND)
    assert resolver.known("a.example.com") == (SECOND, FIRST)
    learn(resolver, "a.example.com")
    assert resolver.known("a.example.com") == (SECOND, FIRST)


def test_a_name_that_is_asked_for_anew_keeps_its_best_address(resolver: Resolver, names: dict[str, list[str]]) -> None:
    names["a.example.com"] = ["127.0.0.1", "127.0.0.2"]
    learn(resolver, "a.example.com")
    resolver.note_answer("a.example.com", SECOND)
    resolver.doubt("a.example.com")
    assert resolver.known("a.example.com") == ()
    learn(resolver, "a.example.com")
    assert resolver.known("a.example.com") == (SECOND, FIRST)


def test_many_names_that_hang_take_a_bounded_number_of_threads(
    resolver: Resolver, names: dict[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    released = threading.Event()
    monkeypatch.setattr(resolve, "THREADS_MAX", 8)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: released.wait(30) and [])
    before = set(threading.enumerate())
    lookups = {resolver.ask(f"slow{number}.example.com").host for number in range(40)}
    assert resolver.ask("slow1.example.com") is resolver.ask("slow1.example.com")
    assert len(set(threading.enumerate()) - before) == 8
    released.set()
    answered: set[str] = set()

    def are_answered() -> bool:
        answered.update(lookup.host for lookup in resolver.settle())
        return answered == lookups

    wait_for(are_answered)


def test_threads_that_have_nothing_to_do_end_and_new_ones_start(
    resolver: Resolver, names: dict[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resolve, "IDLE_SECONDS", 0.02)
    before = set(threading.enumerate())
    for number in range(3):
        names[f"{number}.example.com"] = ["127.0.0.1"]
        learn(resolver, f"{number}.example.com")
        wait_for(lambda: set(threading.enumerate()) <= before)
