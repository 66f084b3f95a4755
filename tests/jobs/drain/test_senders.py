import ipaddress
import threading

import pytest

from jobs.claim import Claimed
from jobs.drain.senders import Senders
from jobs.drain.slots import Slots
from jobs.look import Target
from jobs.send import Sender
from tests.support.receivers import OK, Receiver
from tests.support.waiting import wait_for


@pytest.fixture
def senders() -> Senders:
    return Senders(Sender((ipaddress.ip_network("127.0.0.0/8"),), 10, 8), Slots(8))


def deliveries(url: str, count: int) -> list[Claimed]:
    target = Target(1, url, (b"x" * 32,), None)
    return [
        Claimed(n, target, f"evt_{n}", "license.activated", "production", b"{}", 1, None, "t") for n in range(count)
    ]


def results(senders: Senders, count: int) -> list[int]:
    """Wait for ``count`` results. Return the ids of their deliveries in order."""
    ids = []
    for _ in range(count):
        item = senders.inbox.get(timeout=10)
        assert item is not None
        ids.append(item[0].id)
    return sorted(ids)


def test_all_that_is_added_is_sent_without_anybody_asking_again(senders: Senders, receiver: Receiver) -> None:
    senders.add(deliveries(receiver.url, 50))
    assert results(senders, 50) == list(range(50))
    assert (senders.slots.queued, senders.slots.in_flight) == (0, 0)
    assert len(set(receiver.ids)) == len(receiver.requests) == 50


def test_no_more_are_in_flight_than_a_webhook_may_have(senders: Senders, receiver: Receiver) -> None:
    release = threading.Event()
    receiver.respond = lambda request: (release.wait(10), OK)[1]
    senders.add(deliveries(receiver.url, 20))
    wait_for(lambda: receiver.connections == 2)  # a quarter of the eight slots
    release.set()
    assert results(senders, 20) == list(range(20))
    assert receiver.connections == 2


def test_threads_that_have_nothing_to_do_are_used_again(senders: Senders, receiver: Receiver) -> None:
    for _ in range(5):
        senders.add(deliveries(receiver.url, 1))
        results(senders, 1)
    assert receiver.connections == 1
