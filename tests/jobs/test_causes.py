"""Attempts that fail are counted by cause at their webhook, and a replay says what it is."""

from flask import Flask

from jobs.deliver import deliver
from tests.support.factories import make_event, make_webhook
from tests.support.receivers import OK, Receiver
from webhooks_ui.database import db, writing
from webhooks_ui.deliveries import changes
from webhooks_ui.deliveries.changes import make_due
from webhooks_ui.models import Delivery, Event, Webhook, utcnow
from webhooks_ui.webhooks.causes import Cause, causes_of


def causes(webhook_id: int) -> list[Cause]:
    db.session.rollback()
    return causes_of(db.session.get_one(Webhook, webhook_id))


def send_again() -> None:
    db.session.rollback()
    with writing():
        make_due(db.session.connection(), list(db.session.scalars(db.select(Delivery.id))), utcnow())
    deliver()


def test_the_cause_is_kept_until_the_next_success(app: Flask, receiver: Receiver) -> None:
    receiver.answers = [(500, {}, b"\n  out of memory \nat line 1"), (500, {}, b"again"), (404, {}, b"<html>"), OK]
    webhook = make_webhook(url=receiver.url).id
    make_event()
    deliver()
    (cause,) = causes(webhook)
    assert (cause.outcome, cause.response_code, cause.text, cause.times) == ("bad_status", 500, "out of memory", 1)
    since = cause.since
    send_again()
    (cause,) = causes(webhook)
    assert (cause.text, cause.times, cause.since) == ("again", 2, since)
    send_again()
    assert [(cause.response_code, cause.times) for cause in causes(webhook)] == [(404, 1), (500, 2)]
    send_again()
    assert causes(webhook) == []


def test_an_endpoint_that_asks_to_slow_down_has_no_cause(app: Flask, receiver: Receiver) -> None:
    receiver.answers = [(429, {"Retry-After": "60"}, b"")]
    webhook = make_webhook(url=receiver.url).id
    make_event()
    deliver()
    assert causes(webhook) == []


def test_a_replay_says_so_and_is_the_same_event(app: Flask, receiver: Receiver) -> None:
    event = make_event()
    other = make_webhook(url=receiver.url, environment="staging", active=False, event_types=["license.created"]).id
    with writing():
        changes.replay(db.session.get_one(Event, event.id), db.session.get_one(Webhook, other))
    deliver()
    (request,) = receiver.requests
    assert request.headers["x-webhook-replay"] == "true"
    assert "x-webhook-test" not in request.headers
    assert request.headers["webhook-id"] == event.public_id
    assert request.headers["x-webhook-environment"] == "production"
    assert request.body == event.body
