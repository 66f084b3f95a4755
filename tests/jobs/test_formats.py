"""Events in each format on the whole way: published, composed, sent, and judged by a receiver with its service's rules.

The receivers stand on loopback and answer as Slack, Discord and a workflow of Teams do.
"""

import json

import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_http_event
from flask import Flask
from standardwebhooks import Webhook as Verifier

from jobs.deliver import deliver
from jobs.publish import publish, send_test
from tests.support.factories import make_webhook
from tests.support.receivers import Answer, Received, Receiver
from webhooks_ui.database import db, writing
from webhooks_ui.events.new_event import NewEvent
from webhooks_ui.events.operational import OPERATIONAL
from webhooks_ui.events.types import EVENT_TYPES
from webhooks_ui.models import Attempt, Delivery, Webhook, utcnow
from webhooks_ui.run.services import SERVICES

TYPES = EVENT_TYPES | OPERATIONAL
SIGNS = {"webhook-signature", "webhook-timestamp", "x-webhook-signature", "x-webhook-event", "x-webhook-attempt"}


def judged_by(receiver: Receiver, service: str) -> list[str]:
    """Let ``receiver`` answer as a service does. Return the list that collects which rules are broken."""
    broken: list[str] = []

    def respond(request: Received) -> Answer:
        answer = SERVICES[service](request.body)
        if answer.broken:
            broken.append(answer.broken)
        return answer.code, {"Content-Type": answer.content_type}, answer.body

    receiver.respond = respond
    return broken


def publish_all() -> None:
    publish("production", [NewEvent(name, type.example) for name, type in TYPES.items()])


def statuses() -> set[str]:
    db.session.rollback()
    return set(db.session.scalars(db.select(Delivery.status)))


@pytest.mark.parametrize("format", SERVICES)
def test_a_service_takes_every_type(app: Flask, receiver: Receiver, format: str) -> None:
    broken = judged_by(receiver, format)
    make_webhook(url=receiver.url, format=format, event_types=list(TYPES))
    publish_all()
    deliver()
    assert broken == []
    assert len(receiver.requests) == len(TYPES)
    assert statuses() == {"delivered"}


@pytest.mark.parametrize("format", SERVICES)
def test_a_service_gets_the_deliverys_id_and_no_signature(app: Flask, receiver: Receiver, format: str) -> None:
    judged_by(receiver, format)
    make_webhook(url=receiver.url, format=format)
    published = publish("production", [NewEvent("license.activated", {"license_key": "ABCD"})])
    deliver()
    (request,) = receiver.requests
    assert request.headers["webhook-id"] == published[0].id
    assert request.headers["content-type"] == "application/json"
    assert not SIGNS & request.headers.keys()


@pytest.mark.parametrize("format", SERVICES)
def test_a_service_takes_a_test_event_and_the_longest_values(app: Flask, receiver: Receiver, format: str) -> None:
    broken = judged_by(receiver, format)
    webhook = make_webhook(url=receiver.url, format=format)
    long = {"license_key": "<!channel> @everyone *_~` " * 4_000, "customer": {"name": "😀" * 30_000}}
    publish("production", [NewEvent("license.activated", long)])
    with writing():
        send_test(webhook, NewEvent("license.activated", EVENT_TYPES["license.activated"].example))
    deliver()
    assert (broken, len(receiver.requests)) == ([], 2)


@pytest.mark.parametrize("format", SERVICES)
def test_the_log_has_the_bytes_that_were_sent_beside_the_event(app: Flask, receiver: Receiver, format: str) -> None:
    judged_by(receiver, format)
    make_webhook(url=receiver.url, format=format)
    publish("production", [NewEvent("license.activated", {"license_key": "ABCD"})])
    deliver()
    db.session.rollback()
    attempt = db.session.scalars(db.select(Attempt)).one()
    assert attempt.request_body == receiver.requests[0].body
    event = db.session.scalars(db.select(Delivery)).one().event
    assert json.loads(event.body)["data"] == {"license_key": "ABCD"}


def test_the_json_of_an_event_is_stored_once(app: Flask, receiver: Receiver) -> None:
    make_webhook(url=receiver.url)
    publish("production", [NewEvent("license.activated", {"license_key": "ABCD"})])
    deliver()
    db.session.rollback()
    assert db.session.scalars(db.select(Attempt)).one().request_body is None
    assert receiver.requests[0].body == db.session.scalars(db.select(Delivery)).one().event.body


def test_retries_send_the_same_message(app: Flask, receiver: Receiver) -> None:
    receiver.answers = [(500, {}, b""), (200, {}, b"ok")]
    make_webhook(url=receiver.url, format="slack")
    publish("production", [NewEvent("license.activated", EVENT_TYPES["license.activated"].example)])
    deliver()
    db.session.rollback()
    db.session.execute(db.update(Delivery).values(due_at=utcnow()))
    db.session.commit()
    deliver()
    first, second = receiver.requests
    assert first.body == second.body


def test_cloudevents_are_read_by_the_library_of_the_standard_and_verified(app: Flask, receiver: Receiver) -> None:
    webhook = make_webhook(url=receiver.url, format="cloudevents", event_types=list(TYPES))
    secret = webhook.secret
    publish_all()
    deliver()
    assert statuses() == {"delivered"}
    for request in receiver.requests:
        Verifier(secret).verify(request.body, request.headers)
        event = from_http_event(HTTPMessage(request.headers, request.body))
        assert event.get_id() == request.headers["webhook-id"]
        assert event.get_data() == TYPES[event.get_type()].example


def test_a_format_that_this_version_doesnt_know_is_an_attempt_of_its_own_outcome(
    app: Flask, receiver: Receiver
) -> None:
    make_webhook(url=receiver.url)
    publish("production", [NewEvent("license.activated", {})])
    db.session.execute(db.update(Webhook).values(format="pigeon"))
    db.session.commit()
    deliver()
    db.session.rollback()
    attempt = db.session.scalars(db.select(Attempt)).one()
    assert (attempt.outcome, receiver.requests) == ("not_composed", [])
    assert attempt.detail == "There is no format 'pigeon'. Choose another one for the webhook."
