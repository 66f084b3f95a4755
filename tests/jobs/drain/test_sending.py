import resource
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from jobs.claim import Claimed
from jobs.drain.sending import OTHER_FILES, Sending, requests_at_a_time
from jobs.drain.slots import Slots
from jobs.look import Target
from jobs.send import Sender
from jobs.transport.authorities import authorities_file
from tests.jobs.sending import LOOPBACK
from tests.support.receivers import OK, Receiver
from tests.support.waiting import wait_for
from webhooks_ui.deliveries.outcomes import Outcome


@pytest.fixture
def sending(tmp_path: Path) -> Iterator[Sending]:
    sending = Sending(Sender(LOOPBACK, 8, authorities_file(tmp_path)), Slots(8), 10)
    yield sending
    sending.stop()


def deliveries(url: str, count: int) -> list[Claimed]:
    target = Target(1, url, (b"x" * 32,), None)
    return [
        Claimed(n, target, f"evt_{n}", "license.activated", "production", b"{}", 1, None, "t") for n in range(count)
    ]


def results(sending: Sending, count: int) -> list[int]:
    """Wait for ``count`` results, and record them. Return the ids of their deliveries in order."""
    ids: list[int] = []
    while len(ids) < count:
        group = sending.inbox.get(timeout=10)
        assert group
        ids += [delivery.id for delivery, _, _ in group]
        sending.note_recorded(len(group))
    return sorted(ids)


def test_all_that_is_added_is_sent_without_anybody_asking_again(sending: Sending, receiver: Receiver) -> None:
    sending.add(deliveries(receiver.url, 50))
    assert results(sending, 50) == list(range(50))
    assert (sending.slots.queued, sending.slots.taken) == (0, 0)
    assert len(set(receiver.ids)) == len(receiver.requests) == 50


def test_no_more_are_in_flight_than_a_webhook_may_have(sending: Sending, receiver: Receiver) -> None:
    release = threading.Event()
    receiver.respond = lambda request: (release.wait(10), OK)[1]
    sending.add(deliveries(receiver.url, 20))
    wait_for(lambda: receiver.connections == 2)  # a quarter of the eight slots
    release.set()
    assert results(sending, 20) == list(range(20))
    assert receiver.connections == 2


def test_the_thread_waits_for_more(sending: Sending, receiver: Receiver) -> None:
    for _ in range(5):
        sending.add(deliveries(receiver.url, 1))
        results(sending, 1)
    assert receiver.connections == 1
    assert sending.is_alive


def test_nothing_goes_out_after_the_leases_have_ended(sending: Sending, receiver: Receiver) -> None:
    sending.send_until(0.0)
    sending.add(deliveries(receiver.url, 3))
    assert (sending.slots.queued, sending.slots.taken, receiver.requests) == (3, 0, [])
    sending.send_until(float("inf"))
    assert results(sending, 3) == [0, 1, 2]


def test_results_that_nobody_records_keep_further_requests_back(sending: Sending, receiver: Receiver) -> None:
    """A worker that is killed repeats what it hasn't recorded."""
    sending.add(deliveries(receiver.url, 30))
    most = sending.slots.most_unrecorded + sending.slots.total
    wait_for(lambda: sending.slots.taken == 0 and receiver.requests)
    assert len(receiver.requests) <= most < 30
    assert results(sending, 30) == list(range(30))


def test_a_delivery_that_cannot_be_sent_has_a_result(sending: Sending, receiver: Receiver) -> None:
    broken = deliveries("https://256.256.256.256/", 1)
    sending.add(broken)
    group = sending.inbox.get(timeout=10)
    assert group
    ((_, _, result),) = group
    assert (result.outcome, result.duration_ms) == (Outcome.DNS_FAILED, 0)
    assert "256.256.256.256" in result.detail
    assert sending.slots.taken == 0


def test_a_large_body_is_sent_whole_and_not_kept_for_its_record(sending: Sending, receiver: Receiver) -> None:
    sending.add([replace(delivery, body=b"x" * 200_000) for delivery in deliveries(receiver.url, 1)])
    group = sending.inbox.get(timeout=10)
    assert group
    assert [delivery.body for delivery, _, _ in group] == [b""]
    assert len(receiver.requests[0].body) == 200_000
    assert sending.slots.taken == 0


def test_requests_are_signed_when_they_go_out(sending: Sending, receiver: Receiver) -> None:
    sending.add(deliveries(receiver.url, 1))
    results(sending, 1)
    assert receiver.requests[0].headers["webhook-signature"].startswith("v1,")


def test_no_more_are_in_flight_than_files_may_be_open(caplog: pytest.LogCaptureFixture) -> None:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert requests_at_a_time(4) == 4
    assert not caplog.text
    resource.setrlimit(resource.RLIMIT_NOFILE, (OTHER_FILES + 100, limits[1]))
    try:
        assert requests_at_a_time(1_024) == 100
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert "IN_FLIGHT is 1024" in caplog.text
