"""Endpoints that ask for fewer requests get everything, at their own pace."""

import socket
import time
from collections.abc import Callable
from datetime import timedelta
from email.utils import format_datetime

import pytest
import time_machine
from flask import Flask

from jobs.deliver import deliver
from jobs.publish import publish
from tests.support.factories import make_delivery, make_event, make_webhook
from tests.support.receivers import OK, Answer, Received, Receiver, raw_receiving, read_request, receiving
from tests.support.waiting import wait_for
from webhooks_ui.database import db, writing
from webhooks_ui.deliveries import changes
from webhooks_ui.events.new_event import NewEvent
from webhooks_ui.models import Attempt, Delivery, Stats, Webhook, utcnow
from webhooks_ui.webhooks.changes import edit
from webhooks_ui.webhooks.notices import noticed


class Limit:
    """Answers so many requests in each second of the clock, and asks the others to wait."""

    def __init__(self, per_second: int, answer: Answer) -> None:
        self.per_second = per_second
        self.answer = answer
        self.accepted: list[float] = []
        self.refused: list[float] = []

    def __call__(self, request: Received) -> Answer:
        now = time.monotonic()
        if sum(int(at) == int(now) for at in self.accepted) < self.per_second:
            self.accepted.append(now)
            return OK
        self.refused.append(now)
        return self.answer


def publish_many(count: int) -> None:
    publish("production", [NewEvent("license.activated", {"n": n}) for n in range(count)])


def statuses() -> set[str]:
    db.session.rollback()
    return set(db.session.scalars(db.select(Delivery.status)))


def the_webhook() -> Webhook:
    db.session.rollback()
    webhook: Webhook = db.session.scalars(db.select(Webhook).order_by(Webhook.id).limit(1)).one()
    return webhook


def deliver_until(condition: Callable[[], bool], seconds: float) -> None:
    """Run drains, as the sweep would ask for them."""

    def holds() -> bool:
        if not condition():
            deliver()
        return condition()

    wait_for(holds, seconds)


@pytest.mark.usefixtures("waiting_drains")
@pytest.mark.parametrize("answer", [(429, {"Retry-After": "1"}, b""), (503, {"Retry-After": "1"}, b""), (429, {}, b"")])
def test_an_endpoint_of_one_request_a_second_gets_all_events(app: Flask, receiver: Receiver, answer: Answer) -> None:
    receiver.respond = limit = Limit(1, answer)
    make_webhook(url=receiver.url)
    publish_many(6)
    deliver_until(lambda: statuses() == {"delivered"}, 60)
    assert len(limit.accepted) == 6
    webhook = the_webhook()
    assert (webhook.consecutive_failures, webhook.breaker_opened_at, webhook.active) == (0, None, True)


@pytest.mark.parametrize("headers", [{"Retry-After": "1"}, {}])
def test_an_endpoint_of_ten_a_second_gets_its_events_with_few_requests_in_vain_and_a_healthy_one_at_once(
    app: Flask, receiver: Receiver, headers: dict[str, str]
) -> None:
    receiver.respond = limit = Limit(10, (429, headers, b""))
    with receiving() as healthy:
        make_webhook(url=receiver.url)
        make_webhook(url=healthy.url)
        publish_many(60)
        started = time.monotonic()
        deliver_until(lambda: len(healthy.requests) == 60, 60)
        deliver_until(lambda: statuses() == {"delivered"}, 120)
    late = [at for at in limit.refused if at > started + 5]
    assert len(late) <= 0.5 * len([at for at in limit.accepted if at > started + 5])


@pytest.mark.usefixtures("waiting_drains")
def test_nothing_goes_out_before_the_time_that_the_endpoint_asked_for(app: Flask, receiver: Receiver) -> None:
    arrived: list[float] = []

    def respond(request: Received) -> Answer:
        arrived.append(time.monotonic())
        return (429, {"Retry-After": "2"}, b"") if len(arrived) == 1 else OK

    receiver.respond = respond
    make_webhook(url=receiver.url)
    make_event()
    deliver_until(lambda: bool(arrived), 20)
    make_event()
    deliver_until(lambda: statuses() == {"delivered"}, 30)
    assert len(arrived) == 3
    assert all(at - arrived[0] > 1.5 for at in arrived[1:])
    assert db.session.scalars(db.select(Attempt.response_code).order_by(Attempt.id)).all() == [429, 200, 200]


@pytest.mark.parametrize(
    "headers", [{"Retry-After": "0"}, {"Retry-After": format_datetime(utcnow() - timedelta(days=1), usegmt=False)}]
)
def test_being_told_to_wait_uses_up_no_attempt(app: Flask, receiver: Receiver, headers: dict[str, str]) -> None:
    receiver.answers = [(429, headers, b"")]
    make_webhook(url=receiver.url)
    make_event()
    deliver_until(lambda: len(receiver.requests) >= 3, 30)
    db.session.rollback()
    delivery = db.session.scalars(db.select(Delivery)).one()
    assert (delivery.status, delivery.shown_status) == ("pending", "pending")
    assert delivery.throttled_count == delivery.attempts_count >= 3
    assert [request.headers["x-webhook-attempt"] for request in receiver.requests[:3]] == ["1", "2", "3"]
    assert the_webhook().consecutive_failures == 0
    assert db.session.scalar(db.select(db.func.count()).select_from(Stats)) == 0  # neither success nor failure


def test_a_delivery_that_was_told_to_wait_for_longer_than_its_schedule_lasts_has_failed(
    app: Flask, receiver: Receiver
) -> None:
    receiver.answers = [(429, {"Retry-After": "30"}, b"")]
    make_webhook(url=receiver.url)
    make_event()
    with time_machine.travel(utcnow(), tick=True) as clock:
        for pause in (timedelta(hours=23), timedelta(hours=1, minutes=1)):
            deliver()
            assert statuses() == {"pending"}
            clock.shift(pause)
        deliver_until(lambda: statuses() == {"failed"}, 20)
    assert len(receiver.requests) == 3


def test_a_webhook_whose_deliveries_are_given_up_has_a_notice_until_its_endpoint_takes_one(
    app: Flask, receiver: Receiver
) -> None:
    receiver.answers = [(503, {"Retry-After": "90000"}, b"")]
    make_webhook(url=receiver.url)
    began = utcnow()
    publish_many(1)
    with time_machine.travel(began, tick=True) as clock:
        deliver()
        assert noticed() == []
        clock.shift(timedelta(hours=24, minutes=1))
        deliver_until(lambda: statuses() == {"failed"}, 20)
        webhook = the_webhook()
        assert (webhook.given_up_count, webhook.breaker_opened_at, webhook.gives_up) == (1, None, True)
        assert webhook.given_up_since
        assert abs(webhook.given_up_since - began) < timedelta(minutes=1)
        assert [notice.id for notice in noticed()] == [webhook.id]
        receiver.answers = [OK]
        make_event()
        clock.shift(timedelta(hours=24, minutes=1))
        deliver_until(lambda: statuses() == {"failed", "delivered"}, 20)
    webhook = the_webhook()
    assert (webhook.given_up_count, webhook.given_up_since) == (0, None)
    assert noticed() == []


@pytest.mark.parametrize("seconds", [[], [3 * 86_400]])
def test_a_delivery_that_waited_for_days_is_not_given_up_when_it_is_told_to_wait(
    app: Flask, receiver: Receiver, seconds: list[int]
) -> None:
    """Its webhook was failing or inactive, and its endpoint can't take all at once when it is back."""
    receiver.answers = [(429, {"Retry-After": "1"}, b"")]
    own = {"retry_schedule": "own", "retry_delays": seconds} if seconds else {}
    make_webhook(url=receiver.url, **own)
    make_event()
    waited = timedelta(seconds=sum(seconds), days=2)
    with time_machine.travel(utcnow() + waited, tick=True):
        deliver()
        assert statuses() == {"pending"}
        delivery = db.session.scalars(db.select(Delivery)).one()
        assert delivery.give_up_at is not None
        allowed = max(timedelta(seconds=sum(seconds)), timedelta(hours=24))
        assert abs(delivery.give_up_at - utcnow() - allowed) < timedelta(minutes=1)
        first = delivery.give_up_at
        deliver_until(lambda: len(receiver.requests) == 2, 30)
        db.session.rollback()
        again = db.session.scalars(db.select(Delivery.give_up_at)).one()
        assert again == first
        receiver.answers = [OK]
        deliver_until(lambda: statuses() == {"delivered"}, 30)


def test_a_delivery_that_failed_and_is_retried_may_be_told_to_wait_as_long_as_a_new_one(
    app: Flask, receiver: Receiver
) -> None:
    receiver.answers = [(429, {"Retry-After": "1"}, b"")]
    make_delivery(make_webhook(url=receiver.url), status="failed", attempts_count=3, give_up_at=utcnow())
    with writing():
        changes.make_due(db.session.connection(), [1], utcnow(), forced=False)
    with time_machine.travel(utcnow() + timedelta(days=2), tick=True):  # a bulk action has many, and all others waited
        deliver()
        assert statuses() == {"pending"}


def test_a_date_is_read_against_the_answers_own_clock(app: Flask) -> None:
    wrong = utcnow() - timedelta(days=3)
    date = format_datetime(wrong, usegmt=True)
    until = format_datetime(wrong + timedelta(seconds=90), usegmt=True)

    def answer(peer: socket.socket) -> None:
        read_request(peer)
        peer.sendall(f"HTTP/1.1 503 Busy\r\nDate: {date}\r\nRetry-After: {until}\r\nContent-Length: 0\r\n\r\n".encode())

    with raw_receiving(answer) as endpoint:
        make_webhook(url=endpoint.url)
        make_event()
        deliver()
    left = (the_webhook().throttled_until or utcnow()) - utcnow()
    assert timedelta(seconds=80) < left <= timedelta(seconds=91)


def test_a_503_without_a_time_is_a_failure(app: Flask, receiver: Receiver) -> None:
    receiver.answers = [(503, {}, b"")]
    make_webhook(url=receiver.url)
    make_event()
    deliver()
    assert the_webhook().consecutive_failures == 1
    assert the_webhook().throttled_until is None


@pytest.mark.parametrize(("seconds", "least"), [("600", 590), ("5", 60)])
def test_for_other_answers_retry_after_is_a_floor_under_the_schedule(
    app: Flask, receiver: Receiver, seconds: str, least: int
) -> None:
    receiver.answers = [(500, {"Retry-After": seconds}, b"")]
    make_webhook(url=receiver.url)
    make_event()
    deliver()
    db.session.rollback()
    delivery = db.session.scalars(db.select(Delivery)).one()
    assert delivery.due_at is not None
    assert timedelta(seconds=least - 30) < delivery.due_at - utcnow() < timedelta(seconds=max(least, 60) * 1.25)
    assert the_webhook().consecutive_failures == 1


@pytest.mark.usefixtures("waiting_drains")
@pytest.mark.parametrize(("limit", "period", "seconds"), [(5, "second", 1.7), (120, "minute", 4.0)])
def test_a_rate_limit_holds_and_what_it_holds_back_goes_out_in_time(
    app: Flask, receiver: Receiver, limit: int, period: str, seconds: float
) -> None:
    make_webhook(url=receiver.url, rate_limit=limit, rate_period=period)
    publish_many(9)
    deliver_until(lambda: statuses() == {"delivered"}, 30)
    # When they were started, because on a busy machine they arrive late, and then close together.
    times = [at.timestamp() for at in db.session.scalars(db.select(Attempt.started_at).order_by(Attempt.started_at))]
    assert times[-1] - times[0] >= seconds * 0.9
    per_second = limit if period == "second" else limit / 60
    assert all(sum(first <= at < first + 1 for at in times) <= per_second + 1 for first in times)


@pytest.mark.parametrize("limit", [None, 600])
def test_another_rate_limit_waits_for_no_pause_of_the_old_one(
    app: Flask, receiver: Receiver, limit: int | None
) -> None:
    webhook = make_webhook(url=receiver.url, rate_limit=1, rate_period="minute")
    publish_many(2)
    deliver()
    assert len(receiver.requests) == 1
    with writing():
        edit(webhook, {"rate_limit": limit})
    deliver()
    assert len(receiver.requests) == 2


def test_a_test_event_that_is_told_to_wait_is_over(app: Flask, receiver: Receiver) -> None:
    from jobs.publish import send_test
    from webhooks_ui.database import writing

    receiver.answers = [(429, {"Retry-After": "1"}, b"")]
    webhook = make_webhook(url=receiver.url)
    with writing():
        send_test(webhook, NewEvent("license.activated", {}))
    deliver()
    assert statuses() == {"failed"}
    assert len(receiver.requests) == 1
