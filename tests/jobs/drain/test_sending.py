import json
import resource
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from jobs.claim import Claimed
from jobs.compose import Options
from jobs.drain.sending import OTHER_FILES, Sending, requests_at_a_time, sending_of
from jobs.drain.slots import Slots
from jobs.record import Finished
from jobs.send import Sender
from jobs.target import Target
from jobs.transport.authorities import authorities_file
from tests.jobs.sending import LOOPBACK
from tests.support.receivers import OK, Receiver, raw_receiving, read_request
from tests.support.waiting import wait_for
from webhooks_ui.deliveries.outcomes import Outcome
from webhooks_ui.models import WebhookFormat
from webhooks_ui.webhooks.own_headers import MASK, OwnHeader


@pytest.fixture
def sending(tmp_path: Path) -> Iterator[Sending]:
    sending = Sending(Sender(LOOPBACK, 8, authorities_file(tmp_path)), Slots(8), 10, "https://portal.example.com")
    yield sending
    sending.stop()


EVENT = b'{"type":"license.activated","timestamp":"2026-01-31T12:00:00Z","data":{}}'


def deliveries(url: str, count: int, **target: Any) -> list[Claimed]:
    to = Target(1, url, (b"x" * 32,), None, **target)
    return [Claimed(n, to, f"evt_{n}", "license.activated", "production", EVENT, 1, None, "t") for n in range(count)]


def the_result(sending: Sending) -> Finished:
    """Wait for a single result, and record it."""
    _, _, (finished,) = sending.receive(10)
    sending.note_recorded(1)
    return finished


def results(sending: Sending, count: int) -> list[int]:
    """Wait for ``count`` results, and record them. Return the ids of their deliveries in order."""
    ids: list[int] = []
    while len(ids) < count:
        _, _, group = sending.receive(10)
        assert group
        ids += [delivery.id for delivery, _, _ in group]
        sending.note_recorded(len(group))
    return sorted(ids)


def test_a_request_that_fails_at_once_is_told_at_once(
    sending: Sending, free_tcp_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends while it is started, and no socket tells of it later."""
    monkeypatch.setattr("jobs.drain.sending.PATIENCE_SECONDS", 60.0)
    for _ in range(3):
        sending.add(deliveries(f"http://127.0.0.1:{free_tcp_port}/", 1))
        _, _, result = the_result(sending)
        assert result.outcome == Outcome.REFUSED


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


def test_results_of_deliveries_that_come_alone_are_received_together(
    sending: Sending, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobs.drain.sending.GROUP_SECONDS", 2.0)
    for place, delivery in enumerate(deliveries(receiver.url, 3), 1):
        sending.add([delivery])
        wait_for(lambda: len(receiver.requests) == place and not sending.slots.taken)  # noqa: B023 (it is called at once)
    _, _, group = sending.receive(10)
    assert [delivery.id for delivery, _, _ in group] == [0, 1, 2]


def test_a_result_that_others_wait_for_is_received_at_once(
    sending: Sending, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobs.drain.sending.GROUP_SECONDS", 60.0)
    sending.add(deliveries(receiver.url, 1, in_order=True))
    assert results(sending, 1) == [0]
    sending.hurries = True
    sending.add(deliveries(receiver.url, 1))
    assert results(sending, 1) == [0]


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
    sending.add(deliveries("https://256.256.256.256/", 1))
    _, _, result = the_result(sending)
    assert (result.outcome, result.duration_ms) == (Outcome.DNS_FAILED, 0)
    assert "256.256.256.256" in result.detail
    assert sending.slots.taken == 0


def test_a_large_body_is_sent_whole_and_not_kept_for_its_record(sending: Sending, receiver: Receiver) -> None:
    sending.add([replace(delivery, body=b"x" * 200_000) for delivery in deliveries(receiver.url, 1)])
    delivery, request, _ = the_result(sending)
    assert (delivery.body, request.body) == (b"", b"")
    assert len(receiver.requests[0].body) == 200_000
    assert sending.slots.taken == 0


def test_a_large_body_of_its_own_is_kept_for_its_record(sending: Sending, receiver: Receiver) -> None:
    options = Options(WebhookFormat.CLOUDEVENTS)
    body = EVENT.replace(b"{}", b'{"n":"%s"}' % (b"x" * 200_000))
    sending.add([replace(delivery, body=body) for delivery in deliveries(receiver.url, 1, options=options)])
    delivery, request, _ = the_result(sending)
    assert (delivery.body, request.body) == (b"", receiver.requests[0].body)
    assert len(request.body) > 200_000


def test_a_chat_gets_a_link_to_the_delivery(sending: Sending, receiver: Receiver) -> None:
    sending.add(deliveries(receiver.url, 1, options=Options(WebhookFormat.SLACK)))
    the_result(sending)
    assert b"https://portal.example.com/admin/webhook-deliveries/0" in receiver.requests[0].body


def test_a_request_that_cannot_be_composed_has_a_result_and_the_next_one_goes_out(
    sending: Sending, receiver: Receiver
) -> None:
    sending.add(deliveries(receiver.url, 1, options=Options(unusable="The key is lost.")))
    delivery, request, result = the_result(sending)
    assert (result.outcome, result.detail) == (Outcome.NOT_COMPOSED, "The key is lost.")
    assert request == ({}, delivery.body)
    sending.add(deliveries(receiver.url, 1))
    assert the_result(sending)[2].outcome == Outcome.DELIVERED
    assert (sending.slots.taken, sending.slots.in_flight, len(receiver.requests)) == (0, 0, 1)


@pytest.mark.parametrize("part", ["request_of", "understand", "hide"])
def test_an_error_of_our_own_costs_no_delivery_and_no_slot(
    sending: Sending, receiver: Receiver, part: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(f"jobs.drain.requests.{part}", lambda *_: 1 / 0)
        sending.add(deliveries(receiver.url, 1))
        _, _, result = the_result(sending)
    assert result.outcome == Outcome.CONNECTION_FAILED
    assert result.detail == "Internal error: ZeroDivisionError('division by zero')"
    assert "Delivery 0 could not be sent" in caplog.text
    assert sending.slots.taken == 0
    sending.add(deliveries(receiver.url, 1))
    assert the_result(sending)[2].outcome == Outcome.DELIVERED


def test_an_answer_that_we_fail_to_read_counts_by_its_status(
    sending: Sending, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("jobs.send.as_utf8", lambda *_: 1 / 0)
    sending.add(deliveries(receiver.url, 1))
    _, _, result = the_result(sending)
    assert (result.outcome, result.response_code) == (Outcome.DELIVERED, 200)
    assert result.detail == "its answer can't be read: ZeroDivisionError('division by zero')"
    assert "An answer of 127.0.0.1 can't be read" in caplog.text
    assert sending.is_alive


def test_an_endpoint_that_names_a_charset_wrongly_ends_no_thread(sending: Sending, receiver: Receiver) -> None:
    receiver.answers = [(200, {"Content-Type": "text/plain; charset=utf-16"}, "fine".encode("utf-16-le"))]
    sending.add(deliveries(receiver.url, 1))
    assert the_result(sending)[2].response_body == b"fine"


def test_own_headers_replace_ours_and_are_hidden_in_the_answer(sending: Sending, receiver: Receiver) -> None:
    receiver.respond = lambda request: (200, {}, json.dumps(request.headers).encode())
    own = OwnHeader("accept", "application/json"), OwnHeader("X-Tenant", "secret-value")
    sending.add(deliveries(receiver.url, 1, options=Options(own_headers=own)))
    _, request, result = the_result(sending)
    assert "Accept" not in request.headers
    assert receiver.requests[0].headers["accept"] == "application/json"
    assert json.loads(result.response_body or b"")["x-tenant"] == MASK


def test_what_a_service_says_counts_for_the_slots(sending: Sending, receiver: Receiver) -> None:
    """A connector of Teams answers 200 to everything, and says the truth in the body."""
    receiver.answers = [(200, {}, b"Webhook message delivery failed with error: 429")]
    sending.add(deliveries(receiver.url, 1, options=Options(WebhookFormat.TEAMS)))
    _, _, result = the_result(sending)
    assert (result.outcome, result.response_code) == (Outcome.BAD_STATUS, 200)
    assert sending.slots.wants(1, 0.0) == 1  # half of the first two


def test_a_webhook_may_have_a_timeout_of_its_own(sending: Sending, receiver: Receiver) -> None:
    release = threading.Event()
    receiver.respond = lambda request: (release.wait(10), OK)[1]
    sending.add(deliveries(receiver.url, 1, timeout_seconds=1))
    _, _, result = the_result(sending)
    release.set()
    assert result.outcome == Outcome.TIMEOUT
    assert 900 <= result.duration_ms < 2_900


def test_requests_are_signed_when_they_go_out(sending: Sending, receiver: Receiver) -> None:
    sending.add(deliveries(receiver.url, 1))
    results(sending, 1)
    assert receiver.requests[0].headers["webhook-signature"].startswith("v1,")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_an_error_has_ended_leaves_no_connection_open(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = threading.Event()

    def handle(peer: socket.socket) -> None:
        while read_request(peer):
            peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        closed.set()

    sending = sending_of(app)
    monkeypatch.setattr(sending, "_finish", lambda finished, _: finished and 1 / 0)
    with raw_receiving(handle) as endpoint:
        sending.add(deliveries(endpoint.url, 1))
        wait_for(lambda: not sending.is_alive)
        assert sending_of(app) is not sending
        assert closed.wait(5)


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
