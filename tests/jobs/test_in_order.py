"""Webhooks that keep the order: one request at a time, in the order of publishing."""

import json
import time
from datetime import timedelta

import pytest
from flask import Flask

from jobs.bulk_actions import batches
from jobs.deliver import deliver
from jobs.publish import publish, send_test
from jobs.sweep import sweep
from tests.support.factories import make_webhook
from tests.support.receivers import OK, Answer, Received, Receiver
from webhooks_ui.database import db, writing
from webhooks_ui.deliveries import changes
from webhooks_ui.events.new_event import NewEvent
from webhooks_ui.models import BulkAction, Delivery, Webhook, utcnow
from webhooks_ui.webhooks.changes import edit


def publish_numbers(*numbers: int) -> None:
    publish("production", [NewEvent("license.activated", {"n": n}) for n in numbers])


def numbers(receiver: Receiver) -> list[int]:
    return [json.loads(request.body)["data"]["n"] for request in receiver.requests]


def make_all_due() -> None:
    db.session.rollback()
    db.session.execute(db.update(Delivery).where(Delivery.status == "pending").values(due_at=utcnow()))
    db.session.commit()


def deliveries() -> list[Delivery]:
    db.session.rollback()
    return list(db.session.scalars(db.select(Delivery).order_by(Delivery.id)))


def test_events_arrive_one_at_a_time_in_the_order_of_publishing(app: Flask, receiver: Receiver) -> None:
    in_flight, most = 0, 0

    def slow(_request: Received) -> Answer:
        nonlocal in_flight, most
        in_flight += 1
        most = max(most, in_flight)
        time.sleep(0.002)
        in_flight -= 1
        return OK

    receiver.respond = slow
    make_webhook(url=receiver.url, in_order=True)
    publish_numbers(*range(40))
    publish_numbers(*range(40, 80))
    deliver()
    assert numbers(receiver) == list(range(80))
    assert most == 1


def test_later_events_wait_while_an_earlier_one_is_retried_and_go_on_when_it_is_given_up(
    app: Flask, receiver: Receiver
) -> None:
    receiver.respond = lambda request: (500, {}, b"") if b'"n":0' in request.body else OK
    make_webhook(url=receiver.url, in_order=True)
    publish_numbers(0, 1, 2)
    for attempts in range(1, 5):
        deliver()
        assert numbers(receiver) == [0] * attempts
        make_all_due()
    deliver()
    assert numbers(receiver) == [0, 0, 0, 0, 0, 1, 2]
    assert [delivery.status for delivery in deliveries()] == ["failed", "delivered", "delivered"]


def test_what_is_retried_in_bulk_keeps_its_order(app: Flask, receiver: Receiver, monkeypatch: object) -> None:
    receiver.answers = [(410, {}, b"")]
    webhook = make_webhook(url=receiver.url, in_order=True)
    publish_numbers(*range(7))
    db.session.execute(db.update(Delivery).values(status="failed", due_at=None, attempts_count=5))
    db.session.commit()
    receiver.answers = [OK]
    action = BulkAction(kind="retry", filters={"status": "failed"}, actor="a@b.c", start_id=0, end_id=99, place=0)
    db.session.add(action)
    db.session.commit()
    while batches.run_batch(action.id):
        pass
    deliver()
    assert numbers(receiver) == list(range(7))
    assert webhook.id


def test_an_earlier_delivery_that_is_retried_by_hand_goes_next_and_alone(app: Flask, receiver: Receiver) -> None:
    make_webhook(url=receiver.url, in_order=True)
    publish_numbers(0, 1, 2)
    first, second, _ = deliveries()
    first.status, first.due_at, first.attempts_count = "failed", None, 5
    second.lease_token, second.due_at = "another worker", utcnow() + timedelta(seconds=5)
    db.session.commit()
    with writing():
        assert changes.retry([first.id]) == [first.id]
    deliver()
    assert receiver.requests == []  # the second one is in flight
    second = deliveries()[1]
    second.lease_token, second.due_at = None, utcnow()
    db.session.commit()
    deliver()
    assert numbers(receiver) == [0, 1, 2]


def test_a_test_event_waits_for_nobody(app: Flask, receiver: Receiver) -> None:
    receiver.respond = lambda request: OK if "x-webhook-test" in request.headers else (500, {}, b"")
    webhook = make_webhook(url=receiver.url, in_order=True)
    publish_numbers(0, 1)
    deliver()
    with writing():
        send_test(webhook, NewEvent("license.activated", {"n": -1}))
    deliver()
    assert numbers(receiver) == [0, -1]


def test_switching_the_order_on_holds_for_what_is_pending(app: Flask, receiver: Receiver) -> None:
    receiver.respond = lambda request: (500, {}, b"") if b'"n":0' in request.body else OK
    webhook = make_webhook(url=receiver.url)
    publish_numbers(0, 1)
    with writing():
        edit(db.session.get_one(Webhook, webhook.id), {"in_order": True})
    deliver()
    assert numbers(receiver) == [0]
    with writing():
        edit(db.session.get_one(Webhook, webhook.id), {"in_order": False})
    deliver()
    assert numbers(receiver) == [0, 1]


def test_a_delivery_that_was_published_while_the_order_was_switched_on_is_found(app: Flask, receiver: Receiver) -> None:
    make_webhook(url=receiver.url, in_order=True)
    publish_numbers(0)
    db.session.execute(db.update(Delivery).values(in_order=False))
    db.session.commit()
    deliver()
    assert receiver.requests == []
    sweep()
    deliver()
    assert numbers(receiver) == [0]


@pytest.mark.usefixtures("waiting_drains")
def test_a_webhook_that_keeps_the_order_and_a_rate(app: Flask, receiver: Receiver) -> None:
    make_webhook(url=receiver.url, in_order=True, rate_limit=20, rate_period="second")
    publish_numbers(*range(10))
    started = time.monotonic()
    deliver()
    assert numbers(receiver) == list(range(10))
    assert time.monotonic() - started > 0.35
