import base64
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError
from standardwebhooks import Webhook as Verifier

from jobs.claim import LEASE_SECONDS
from jobs.deliver import deliver
from jobs.drain.demand import AHEAD_MIN
from jobs.drain.slots import ALLOWANCE_FIRST
from jobs.publish import publish, send_test
from jobs.sweep import sweep
from tests.jobs.sending import answering
from tests.support.factories import make_event, make_webhook, older_secret
from tests.support.receivers import OK, Answer, Received, Receiver, raw_receiving, read_request, receiving
from tests.support.stored import attempts, the_delivery
from tests.support.waiting import wait_for
from webhooks_ui.database import db, write_transaction, writing
from webhooks_ui.deliveries.changes import make_due
from webhooks_ui.deliveries.display import attempts_planned, explanation, request_headers
from webhooks_ui.events.new_event import NewEvent
from webhooks_ui.models import Delivery, Event, Stats, Webhook, secret_box, utcnow
from webhooks_ui.webhooks import changes


def delivering(app: Flask) -> threading.Thread:
    """Run the job in a thread of its own, which is returned."""
    context = app.app_context()

    def run() -> None:
        with context:
            deliver()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_a_delivery_verifies_with_the_reference_library_from_its_raw_body(app: Flask, receiver: Receiver) -> None:
    webhook = make_webhook(url=receiver.url)
    event = make_event(data={"name": "Zoë <b>"})
    before = int(time.time())
    deliver()
    (request,) = receiver.requests
    assert Verifier(webhook.secret).verify(request.body, request.headers)["data"] == {"name": "Zoë <b>"}
    assert request.body == event.body
    assert request.headers["webhook-id"] == event.public_id
    assert request.headers["x-webhook-signature"] == request.headers["webhook-signature"]
    assert request.headers["x-webhook-event"] == "license.activated"
    assert request.headers["x-webhook-environment"] == "production"
    assert request.headers["x-webhook-attempt"] == "1"
    assert request.headers["content-type"] == "application/json"
    assert before <= int(request.headers["webhook-timestamp"]) <= time.time()
    assert the_delivery().status == "delivered"


def test_an_old_secret_is_signed_for_until_its_grace_period_ends(app: Flask, receiver: Receiver) -> None:
    old = secret_box.generate()
    make_webhook(
        url=receiver.url,
        older_secrets=[older_secret(timedelta(hours=24), old)],
    )
    make_event()
    deliver()
    (request,) = receiver.requests
    assert len(request.headers["webhook-signature"].split(" ")) == 2
    assert Verifier(old).verify(request.body, request.headers)
    webhook = db.session.scalars(db.select(Webhook)).one()
    assert Verifier(webhook.secret).verify(request.body, request.headers)
    webhook.older_secrets = [older_secret(timedelta(), old)]
    db.session.commit()
    make_event()
    deliver()
    assert " " not in receiver.requests[1].headers["webhook-signature"]


def test_two_failures_and_a_success_are_three_attempts_on_the_schedule_with_identical_bytes(
    app: Flask, receiver: Receiver
) -> None:
    receiver.answers = [(500, {}, b"boom"), (500, {}, b"boom again"), (200, {}, b"fine")]
    make_webhook(url=receiver.url)
    with time_machine.travel(utcnow(), tick=True) as clock:
        make_event()
        deliver()
        for least, most in ((60, 72), (300, 360)):
            delivery = the_delivery()
            assert (delivery.status, delivery.shown_status) == ("pending", "retrying")
            assert delivery.next_attempt_at is not None
            assert delivery.last_attempt_at is not None
            assert least - 1 <= (delivery.next_attempt_at - delivery.last_attempt_at).total_seconds() <= most + 1
            deliver()
            assert len(receiver.requests) == len(attempts())  # nothing goes out before its time
            clock.shift(most + 1)
            deliver()
    assert the_delivery().status == "delivered"
    assert [(a.number, a.response_code, a.response_body) for a in attempts()] == [
        (1, 500, b"boom"),
        (2, 500, b"boom again"),
        (3, 200, b"fine"),
    ]
    assert len({request.body for request in receiver.requests}) == 1
    assert len(set(receiver.ids)) == 1
    assert [request.headers["x-webhook-attempt"] for request in receiver.requests] == ["1", "2", "3"]


def test_after_the_last_attempt_a_delivery_has_failed(app: Flask, receiver: Receiver) -> None:
    receiver.answers = [(500, {}, b"")]
    make_webhook(url=receiver.url)
    with time_machine.travel(utcnow(), tick=True) as clock:
        make_event()
        for _ in range(6):
            deliver()
            clock.shift(2 * 3_600)
    assert len(receiver.requests) == 5
    assert (the_delivery().status, the_delivery().due_at) == ("failed", None)


@pytest.mark.parametrize("forced", [True, False])
@pytest.mark.parametrize(
    ("second", "then"), [((500, {}, b""), ["short", "long"]), ((429, {"Retry-After": "1"}, b""), ["asked", "long"])]
)
def test_an_attempt_that_a_person_wants_uses_up_none_of_the_schedule(
    app: Flask, receiver: Receiver, forced: bool, second: Answer, then: list[str]
) -> None:
    lengths = {timedelta(minutes=12): "short", timedelta(hours=2): "long", timedelta(seconds=1): "asked"}
    settings = {"retry_schedule": "default"}
    receiver.answers = [(500, {}, b""), second, (500, {}, b"")]
    make_webhook(url=receiver.url, retry_schedule="own", retry_delays=[600, 7_200])
    make_event()
    with time_machine.travel(utcnow(), tick=True) as clock:
        deliver()
        for _ in "double":
            with writing():
                make_due(db.session.connection(), [1], utcnow(), forced=forced)
        assert (the_delivery().shown_status, attempts_planned(the_delivery(), settings)) == ("retrying", 4)
        deliver()
        delays = []
        while (delivery := the_delivery()).due_at:
            delay = delivery.due_at - (delivery.last_attempt_at or utcnow())
            delays.append(lengths[min(lengths, key=lambda length: abs(length - delay))])
            clock.move_to(delivery.due_at + timedelta(seconds=2))
            deliver()
    assert (delivery.status, delays) == ("failed", then)
    assert len(receiver.requests) == attempts_planned(delivery, settings) == 4


def test_an_attempt_keeps_what_was_sent_and_what_came_back(app: Flask, receiver: Receiver) -> None:
    receiver.answers = [(201, {"X-Reply": "yes"}, b"x" * 20_000)]
    make_webhook(url=receiver.url)
    make_event()
    deliver()
    (attempt,) = attempts()
    assert request_headers(attempt.delivery, attempt)["webhook-id"] == receiver.ids[0]
    assert ["X-Reply", "yes"] in attempt.response_headers
    assert (len(attempt.response_body or b""), attempt.response_truncated) == (10_240, True)
    assert attempt.address == receiver.url.split("/")[2]
    assert attempt.outcome == "delivered"
    assert db.session.scalars(db.select(Stats.count)).all() == [1]


def test_a_webhook_switched_off_keeps_its_deliveries_until_it_is_on_again(app: Flask, receiver: Receiver) -> None:
    webhook = make_webhook(url=receiver.url)
    make_event()
    webhook.active = False
    db.session.commit()
    deliver()
    assert (receiver.requests, the_delivery().status) == ([], "pending")
    webhook = db.session.get_one(Webhook, webhook.id)
    webhook.active = True
    db.session.commit()
    deliver()
    assert the_delivery().status == "delivered"


def test_a_slow_endpoint_does_not_delay_the_others(app: Flask, receiver: Receiver) -> None:
    release = threading.Event()
    with receiving() as slow:
        slow.respond = lambda request: (release.wait(8) and (200, {}, b"")) or (200, {}, b"")
        make_webhook(name="slow", url=slow.url)
        make_webhook(name="fast", url=receiver.url)
        for _ in range(20):
            make_event()
        thread = delivering(app)
        wait_for(lambda: len(receiver.requests) == 20)
        assert len(slow.requests) <= 4
        release.set()
        thread.join(20)
    assert len(slow.requests) == 20


def test_more_is_leased_before_the_first_answer_comes(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or endpoints that take a while would get few requests at a time."""
    monkeypatch.setattr("jobs.deliver.REFRESH_SECONDS", 600)  # nothing else lets the drain go on without an answer
    most, seconds = 2 * AHEAD_MIN, 30.0
    arrived = threading.Semaphore(0)
    all_there = threading.Event()

    def handle(peer: socket.socket) -> None:
        while read_request(peer):
            arrived.release()
            all_there.wait(seconds)
            peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    with raw_receiving(handle) as endpoint:
        for number in range(most // ALLOWANCE_FIRST):
            make_webhook(url=f"{endpoint.url}/{number}")
        publish("production", [NewEvent("license.activated", {"n": n}) for n in range(ALLOWANCE_FIRST)])
        thread = delivering(app)
        try:
            assert all(arrived.acquire(timeout=5) for _ in range(most))
        finally:
            all_there.set()
            thread.join()
    db.session.rollback()
    assert set(db.session.scalars(db.select(Delivery.status))) == {"delivered"}


def test_a_success_whose_body_breaks_off_is_noted_and_not_sent_again(app: Flask) -> None:
    with raw_receiving(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome")) as endpoint:
        make_webhook(url=endpoint.url)
        make_event()
        deliver()
        assert endpoint.connections == 1
    (attempt,) = attempts()
    assert (attempt.outcome, attempt.response_body, the_delivery().status) == ("delivered", b"some", "delivered")
    assert "its answer broke off" in explanation(attempt)


def test_the_sweep_wakes_for_what_redis_forgot(app: Flask, receiver: Receiver) -> None:
    make_webhook(url=receiver.url)
    make_event()
    app.extensions["redis"].flushall()
    sweep()
    assert app.extensions["redis"].llen("rq:queue:deliveries") == 1


def test_a_lease_that_ran_out_is_taken_over_and_the_late_result_is_dropped(app: Flask, receiver: Receiver) -> None:
    make_webhook(url=receiver.url)
    make_event()
    delivery = the_delivery()
    delivery.lease_token, delivery.due_at = "dead", utcnow() - timedelta(seconds=1)
    db.session.commit()
    deliver()
    assert (the_delivery().status, the_delivery().lease_token) == ("delivered", None)


def fail_to_record(fail: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a run call ``fail`` in place of storing results. It raises what ends the run."""
    with monkeypatch.context() as broken:
        broken.setattr("jobs.deliver.record", fail)
        broken.setattr("jobs.deliver.record_alone", fail)
        with pytest.raises(RuntimeError, match="broken"):
            deliver()


def test_results_that_arrive_while_a_run_fails_keep_no_later_request_back(
    app: Flask, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or a worker would send nothing any more after some errors."""
    app.config["IN_FLIGHT"] = 8  # four results that nobody writes would keep all requests back
    released = threading.Event()

    def fail(*_: object) -> None:
        released.set()
        wait_for(lambda: app.extensions["sending"].slots.in_flight == 0)
        raise RuntimeError("broken")

    with receiving() as slow, time_machine.travel(utcnow(), tick=True) as clock:
        slow.respond = lambda request: (released.wait(10), OK)[1]
        make_webhook(url=receiver.url)
        make_webhook(url=slow.url)
        make_event()
        for _ in range(5):
            released.clear()
            fail_to_record(fail, monkeypatch)
            clock.shift(LEASE_SECONDS + 1)
        deliver()
    db.session.rollback()
    assert set(db.session.scalars(db.select(Delivery.status))) == {"delivered"}


@pytest.mark.usefixtures("waiting_drains")
def test_what_is_in_flight_since_a_run_that_failed_holds_up_no_later_run(
    app: Flask, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("broken")

    answers = threading.Event()
    with receiving() as slow, time_machine.travel(utcnow(), tick=True) as clock:
        slow.respond = lambda request: (answers.wait(20), OK)[1]
        make_webhook(url=receiver.url)
        make_webhook(url=slow.url)
        make_event()
        fail_to_record(fail, monkeypatch)
        clock.shift(LEASE_SECONDS + 1)
        thread = delivering(app)
        wait_for(lambda: len(receiver.requests) == 2)  # both are leased again
        answers.set()
        thread.join(20)  # it waits for the end of the lease, and sends again
        if thread.is_alive():
            app.extensions["sending"].stop()  # a run that would go on for ever fails by this
            pytest.fail("the run doesn't end")
    db.session.rollback()
    assert set(db.session.scalars(db.select(Delivery.status))) == {"delivered"}


@pytest.fixture
def refused_answers(app: Flask) -> Iterator[None]:
    """Let the database refuse an answer that is the same as another one."""
    with db.engine.begin() as connection:
        connection.execute(text("CREATE UNIQUE INDEX refusing ON attempts (response_body)"))
    yield
    db.session.rollback()
    with db.engine.begin() as connection:
        connection.execute(text("DROP INDEX refusing"))


@pytest.mark.parametrize("outages", [0, 2])
def test_an_answer_that_the_database_refuses_is_left_out(
    app: Flask, receiver: Receiver, refused_answers: None, outages: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = iter(range(outages))

    @contextmanager
    def sometimes_away() -> Iterator[Connection]:
        if next(left, None) is not None:
            raise OperationalError("BEGIN", None, Exception("the database is away"))
        with write_transaction() as connection:
            yield connection

    monkeypatch.setattr("jobs.record.write_transaction", sometimes_away)
    receiver.answers = [(200, {}, b"the same")]
    make_webhook(url=receiver.url)
    make_event()
    deliver()
    make_event()
    make_event()
    deliver()
    assert [attempt.response_body for attempt in attempts()] == [b"the same", None, None]
    assert set(db.session.scalars(db.select(Delivery.status))) == {"delivered"}
    assert len(receiver.requests) == 3


def test_secrets_that_cannot_be_read_hold_only_their_own_webhook_back(app: Flask, receiver: Receiver) -> None:
    make_webhook(url=receiver.url, secret_encrypted="not a token")
    make_webhook(url=receiver.url, secret_encrypted=secret_box.encrypt("no secret"))
    make_webhook(url=receiver.url)
    make_event()
    deliver()
    assert len(receiver.requests) == 1


@pytest.mark.parametrize("count", [700])
def test_a_backlog_is_delivered_whole_and_once(app: Flask, receiver: Receiver, count: int) -> None:
    for _ in range(5):
        make_webhook(url=receiver.url)
    publish("production", [NewEvent("license.activated", {"n": n}) for n in range(count // 5)])
    deliver()
    db.session.rollback()
    assert len(receiver.requests) == count
    assert set(db.session.scalars(db.select(Delivery.status))) == {"delivered"}
    assert db.session.scalar(db.select(db.func.count(Event.id))) == count // 5
    assert base64.b64decode(receiver.requests[0].headers["webhook-signature"].removeprefix("v1,"))


def test_refused_tests_keep_no_real_event_back(app: Flask, receiver: Receiver) -> None:
    receiver.answers = [(400, {}, b"")]
    webhook = make_webhook(url=receiver.url, event_types=["license.activated"])
    for _ in range(12):
        with writing():
            send_test(webhook, NewEvent("product.created", {}))
    deliver()
    db.session.refresh(webhook)
    assert (webhook.consecutive_failures, webhook.is_broken) == (0, False)
    assert webhook.failures[0]["count"] == 12  # the page of the webhook tells why they failed
    receiver.answers = [(200, {}, b"")]
    make_event()
    deliver()
    assert db.session.scalars(db.select(Delivery.status).order_by(Delivery.id.desc())).first() == "delivered"


def test_an_attempt_that_is_under_way_when_its_webhook_is_deleted_is_logged(app: Flask, receiver: Receiver) -> None:
    webhook_id = make_webhook(url=receiver.url).id
    make_event()

    def delete(_request: Received) -> Answer:
        with app.app_context(), writing():
            changes.delete(changes.get(webhook_id))
        return 200, {}, b"ok"

    receiver.answer = delete  # type: ignore[assignment, method-assign]
    deliver()
    assert the_delivery().status == "delivered"
    assert [attempt.response_code for attempt in attempts()] == [200]
