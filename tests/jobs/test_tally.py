"""What each attempt adds to the metrics and to the log."""

import json
import logging

import pytest
from flask import Flask

from jobs.deliver import deliver
from tests.support.factories import make_event, make_webhook
from tests.support.receivers import Receiver
from webhooks_ui import counting
from webhooks_ui.database import db, writing
from webhooks_ui.deliveries.changes import replay
from webhooks_ui.models import Delivery, Event, Webhook, utcnow


def counts(app: Flask) -> dict[tuple[str, ...], float]:
    """Return the counts by the metric's name and its labels."""
    counting.flush(app)
    with db.engine.connect() as connection:
        found = counting.stored(connection)
    return {(name, *json.loads(labels)): value for (name, labels), value in found.items()}


def test_attempts_are_counted_by_environment_and_outcome(app: Flask, receiver: Receiver) -> None:
    receiver.answers = [(500, {}, b""), (200, {}, b"")]
    make_webhook(url=receiver.url)
    make_event()
    deliver()
    found = counts(app)
    assert found["webhooks_attempts", "production", "bad_status"] == 1
    assert ("webhooks_deliveries_settled", "production", "delivered") not in found
    db.session.execute(db.update(Delivery).values(due_at=utcnow()))
    db.session.commit()
    deliver()
    found = counts(app)
    assert found["webhooks_attempts", "production", "delivered"] == 1
    assert found["webhooks_deliveries_settled", "production", "delivered"] == 1
    took = found["webhooks_delivery_duration_seconds_sum", "production"]
    assert 0 < took < 60
    durations = {
        labels: value for labels, value in found.items() if labels[0].endswith("attempt_duration_seconds_bucket")
    }
    assert sum(durations.values()) == 2


def test_what_was_sent_to_another_environment_counts_there(app: Flask, receiver: Receiver) -> None:
    webhook_id = make_webhook(url=receiver.url, environment="staging").id
    event_id = make_event().id
    with writing():
        replay(db.session.get_one(Event, event_id), db.session.get_one(Webhook, webhook_id))
    deliver()
    found = counts(app)
    assert found["webhooks_attempts", "staging", "delivered"] == 1
    assert found["webhooks_deliveries_settled", "staging", "delivered"] == 1
    assert [key for key in found if key[0].startswith("webhooks_attempt") and "production" in key] == []


def test_an_endpoint_that_wants_less_counts_as_throttled(app: Flask, receiver: Receiver) -> None:
    receiver.answers = [(429, {"Retry-After": "60"}, b"")]
    make_webhook(url=receiver.url, environment="staging")
    make_event(environment="staging")
    deliver()
    assert counts(app)["webhooks_attempts_throttled", "staging"] == 1


def test_a_delivery_that_is_given_up_counts_as_failed(app: Flask, receiver: Receiver) -> None:
    receiver.answers = [(410, {}, b"")]
    make_webhook(url=receiver.url)
    make_event()
    deliver()
    found = counts(app)
    assert found["webhooks_deliveries_settled", "production", "failed"] == 1
    assert ("webhooks_delivery_duration_seconds_sum", "production") not in found


def test_one_event_id_tells_the_whole_story(app: Flask, receiver: Receiver, caplog: pytest.LogCaptureFixture) -> None:
    receiver.answers = [(500, {}, b""), (200, {}, b"")]
    make_webhook(url=receiver.url)
    with caplog.at_level(logging.INFO):
        event = make_event()
        deliver()
        db.session.execute(db.update(Delivery).values(due_at=utcnow()))
        db.session.commit()
        deliver()
    lines = [
        (record, each) for record in caplog.records for each in getattr(record, "each", [getattr(record, "ids", {})])
    ]
    story = [(record.message, each) for record, each in lines if each.get("event") == event.public_id]
    told = [(each.get("attempt"), each.get("outcome"), each.get("code")) for _, each in story]
    assert told == [(None, None, None), (1, "bad_status", 500), (2, "delivered", 200)]
    published, repeated, delivered = (message for message, _ in story)
    assert published.startswith("Published.")
    assert repeated == "Not delivered. Another attempt follows."
    assert story[1][1]["due_at"] > utcnow()
    assert delivered == "Delivered."
    assert receiver.url not in caplog.text  # a URL may hold a token
