"""The log shows the headers of each request as they were sent, although it stores few of them."""

import json
from datetime import timedelta

import pytest
import time_machine
from flask import Flask

from jobs.deliver import deliver
from jobs.publish import publish, send_test
from tests.support.factories import make_event, make_webhook
from tests.support.receivers import Receiver
from webhooks_ui.database import db, writing
from webhooks_ui.deliveries.display import as_curl, request_headers
from webhooks_ui.events.new_event import NewEvent
from webhooks_ui.models import Attempt, Delivery, Webhook, secret_box, utcnow
from webhooks_ui.webhooks import changes
from webhooks_ui.webhooks.own_headers import MASK, OwnHeader

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
OWN = [OwnHeader("accept", "text/plain"), OwnHeader("X-Tenant", "emea-secret-value")]


def the_attempt() -> tuple[Delivery, Attempt]:
    db.session.rollback()
    attempt = db.session.scalars(db.select(Attempt).order_by(Attempt.id.desc())).first()
    assert attempt
    return attempt.delivery, attempt


def assert_shown_as_sent(receiver: Receiver, masked: tuple[str, ...] = ()) -> Attempt:
    """Check the last attempt against the request that arrived. Return it."""
    delivery, attempt = the_attempt()
    sent = {name: value for name, value in receiver.requests[-1].headers.items() if name != "host"}
    shown = {name.lower(): value for name, value in request_headers(delivery, attempt).items()}
    assert shown == sent | dict.fromkeys(masked, MASK)
    assert list(shown) == list(sent)
    assert "webhook-id" in as_curl(delivery, attempt)
    return attempt


@pytest.mark.parametrize("format", ["json", "cloudevents", "slack", "discord", "teams"])
def test_each_format_is_shown_as_it_was_sent(app: Flask, receiver: Receiver, format: str) -> None:
    make_webhook(url=receiver.url, format=format)
    make_event()
    deliver()
    attempt = assert_shown_as_sent(receiver)
    assert set(attempt.kept_headers) <= {"Content-Type"}


def test_tests_retries_and_traces_are_shown_as_they_were_sent(app: Flask, receiver: Receiver) -> None:
    webhook = make_webhook(url=receiver.url)
    with writing():
        send_test(db.session.get_one(Webhook, webhook.id), NewEvent("license.activated", {"id": "1"}))
    deliver()
    assert "x-webhook-test" in receiver.requests[-1].headers
    assert_shown_as_sent(receiver)
    publish("production", [NewEvent("license.activated", {"id": "2"})], traceparent=TRACEPARENT)
    receiver.respond = lambda request: (500, {}, b"")
    deliver()
    assert receiver.requests[-1].headers["traceparent"] == TRACEPARENT
    receiver.respond = lambda request: (200, {}, b"")
    with time_machine.travel(utcnow() + timedelta(hours=1)):
        deliver()
    assert receiver.requests[-1].headers["x-webhook-attempt"] == "2"
    assert assert_shown_as_sent(receiver).kept_headers == {}


def test_what_changes_later_changes_no_attempt(app: Flask, receiver: Receiver) -> None:
    webhook = make_webhook(url=receiver.url)
    with writing():
        changes.edit(changes.get(webhook.id), {"headers": OWN})
    make_event(data={"x": "y" * 20_000})  # a body that the worker forgets before it records
    deliver()
    with writing():
        changes.edit(changes.get(webhook.id), {"headers": [], "format": "slack", "url": f"{receiver.url}/other"})
        changes.replace_secret(changes.get(webhook.id), secret_box.generate(), 0)
    attempt = assert_shown_as_sent(receiver, ("x-tenant", "accept"))
    assert attempt.kept_headers == {"accept": MASK, "X-Tenant": MASK, "Accept": None}


def test_what_was_not_sent_has_no_headers(app: Flask, receiver: Receiver) -> None:
    make_webhook(url=receiver.url, format="fax")
    make_event()
    deliver()
    delivery, attempt = the_attempt()
    assert (request_headers(delivery, attempt), attempt.sent_by) == ({}, None)


def test_few_bytes_are_stored(app: Flask, receiver: Receiver) -> None:
    make_webhook(url=receiver.url)
    make_event()
    deliver()
    _, attempt = the_attempt()
    stored = json.dumps(attempt.kept_headers) + (attempt.signature or "") + (attempt.sent_by or "")
    assert len(stored) < 60
