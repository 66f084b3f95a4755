"""What happens to webhooks and deliveries is published as operational events, and never for ever."""

import json
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask

from jobs.deliver import deliver
from jobs.publish import send_test
from tests.support.factories import make_event, make_webhook
from tests.support.receivers import OK, Answer, Receiver, receiving
from webhooks_ui.database import db, writing
from webhooks_ui.deliveries.changes import replay
from webhooks_ui.events.new_event import NewEvent
from webhooks_ui.events.operational import OPERATIONAL
from webhooks_ui.models import Delivery, Event, Webhook, utcnow
from webhooks_ui.webhooks import changes

BROKEN: Answer = (500, {}, b"")
GONE: Answer = (410, {}, b"")
BUSY: Answer = (429, {"Retry-After": "30"}, b"")
ALL = list(OPERATIONAL)


def told(receiver: Receiver) -> list[dict[str, Any]]:
    """Return the operational events that an endpoint got."""
    events = [json.loads(request.body) for request in receiver.requests]
    return [event for event in events if event["type"] in OPERATIONAL]


def stored() -> list[str]:
    """Return the types of the operational events in the database."""
    db.session.rollback()
    return list(db.session.scalars(db.select(Event.type).where(Event.type.in_(ALL)).order_by(Event.id)))


def deliver_all() -> None:
    """Deliver until nothing is due, with what follows from it."""
    while True:
        db.session.rollback()
        is_due = Delivery.due_at <= utcnow(), Delivery.status == "pending"
        before = db.session.scalar(db.select(db.func.sum(Delivery.attempts_count)))
        if not db.session.scalar(db.select(db.func.count()).select_from(Delivery).where(*is_due)):
            return
        deliver()
        db.session.rollback()
        if db.session.scalar(db.select(db.func.sum(Delivery.attempts_count))) == before:
            return  # what is due waits for a breaker


def test_a_delivery_that_is_given_up_is_told(app: Flask, receiver: Receiver) -> None:
    with receiving() as broken:
        broken.answers = [BROKEN]
        make_webhook(name="Watcher", url=receiver.url, event_types=["delivery.failed"])
        orders = make_webhook(name="Orders", url=f"{broken.url}?token=private", retry_schedule="own", retry_delays=[60])
        event = make_event()
        with time_machine.travel(utcnow(), tick=True) as clock:
            deliver_all()
            assert told(receiver) == []  # it is tried again
            clock.shift(timedelta(seconds=80))
            deliver_all()
    (news,) = told(receiver)
    assert news["type"] == "delivery.failed"
    assert news["environment"] == "production"
    assert news["data"]["webhook"] == {"id": orders.id, "name": "Orders", "host": "127.0.0.1"}
    assert news["data"]["event"] == {"id": event.public_id, "type": "license.activated"}
    assert news["data"]["delivery"]["attempts"] == 2
    assert news["data"]["last_attempt"] == {"outcome": "bad_status", "response_code": 500}
    assert "private" not in str(news)


def test_what_fails_after_it_was_sent_to_another_environment_is_told_there(app: Flask, receiver: Receiver) -> None:
    """The event belongs to production. Nobody there may hear of a webhook of staging."""
    for environment in ("production", "staging"):
        make_webhook(url=receiver.url, environment=environment, event_types=["delivery.failed"])
    with receiving() as gone:
        gone.answers = [GONE]
        webhook_id = make_webhook(url=gone.url, environment="staging", event_types=["product.created"]).id
        event_id = make_event().id
        with writing():
            replay(db.session.get_one(Event, event_id), db.session.get_one(Webhook, webhook_id))
        deliver_all()
    (news,) = told(receiver)
    assert (news["environment"], news["data"]["webhook"]["id"]) == ("staging", webhook_id)


def test_failing_and_recovering_are_told_once_each(app: Flask, receiver: Receiver) -> None:
    with receiving() as shaky:
        shaky.answers = [BROKEN]
        make_webhook(url=receiver.url, event_types=["webhook.failing", "webhook.recovered"])
        shaken = make_webhook(name="Shaky", url=shaky.url)
        for _ in range(12):
            make_event()
        with time_machine.travel(utcnow(), tick=True) as clock:
            deliver_all()
            (failing,) = told(receiver)
            assert failing["type"] == "webhook.failing"
            assert failing["data"]["webhook"]["name"] == "Shaky"
            assert failing["data"]["failures_in_a_row"] >= 10
            assert failing["data"]["last_attempt"]["response_code"] == 500
            shaky.answers = [OK]
            clock.shift(timedelta(hours=2))
            deliver_all()
            deliver_all()
    assert [news["type"] for news in told(receiver)] == ["webhook.failing", "webhook.recovered"]
    assert told(receiver)[1]["data"]["failing_since"] == failing["data"]["failing_since"]
    assert changes.get(shaken.id).breaker_opened_at is None


def test_a_disabled_webhook_is_told_with_the_reason(app: Flask, receiver: Receiver) -> None:
    with receiving() as gone:
        gone.answers = [GONE]
        make_webhook(url=receiver.url, event_types=["webhook.disabled"])
        make_webhook(name="Gone", url=gone.url)
        make_event()
        deliver_all()
    (news,) = told(receiver)
    assert (news["type"], news["data"]["reason"]) == ("webhook.disabled", "The endpoint answered 410 Gone.")


def test_a_throttled_webhook_is_told_once(app: Flask, receiver: Receiver) -> None:
    with receiving() as busy:
        busy.answers = [BUSY]
        make_webhook(url=receiver.url, event_types=["webhook.throttled"])
        make_webhook(name="Busy", url=busy.url)
        make_event()
        with time_machine.travel(utcnow(), tick=True) as clock:
            deliver_all()
            clock.shift(timedelta(minutes=2))
            deliver_all()
        assert len(busy.requests) > 1
    (news,) = told(receiver)
    assert news["type"] == "webhook.throttled"
    assert news["data"]["until"].endswith("Z")


@pytest.mark.parametrize("answer", [BROKEN, GONE, BUSY], ids=["500", "410", "429"])
def test_two_webhooks_that_watch_each_other_and_both_fail_come_to_an_end(app: Flask, answer: Answer) -> None:
    with receiving() as first, receiving() as second:
        for name, endpoint in (("First", first), ("Second", second)):
            endpoint.answers = [answer]
            make_webhook(
                name=name,
                url=endpoint.url,
                event_types=[*ALL, "license.activated"],
                retry_schedule="own",
                retry_delays=[1, 1],
            )
        for _ in range(12):
            make_event()
        counts = []
        with time_machine.travel(utcnow(), tick=True) as clock:
            for _ in range(60):  # one that fails for five days is disabled. One that says 429 has a delivery at a time
                deliver_all()
                counts.append(len(stored()))
                clock.shift(timedelta(hours=12))
    assert counts[-1] == counts[-4], counts  # nothing new follows in the end
    published = 12
    assert counts[-1] <= 2 * (published + 4)  # each failed delivery once, and a few changes of two webhooks
    assert counts[-1] or answer is GONE  # which disables both at once, so that nobody listens


def test_a_webhook_is_not_told_about_itself(app: Flask) -> None:
    with receiving() as gone:
        gone.answers = [GONE]
        make_webhook(url=gone.url, event_types=[*ALL, "license.activated"])
        make_event()
        deliver_all()
    assert stored() == []
    assert told(gone) == []


def test_others_of_its_environment_are_told_and_no_other_environment(app: Flask, receiver: Receiver) -> None:
    with receiving() as gone, receiving() as elsewhere:
        gone.answers = [GONE]
        make_webhook(url=receiver.url, event_types=ALL)
        make_webhook(url=elsewhere.url, event_types=ALL, environment="staging")
        make_webhook(url=gone.url, event_types=[*ALL, "license.activated"])
        make_event()
        deliver_all()
        assert elsewhere.requests == []
    assert {news["type"] for news in told(receiver)} == {"webhook.disabled", "delivery.failed"}


def test_nothing_is_stored_if_nobody_listens(app: Flask) -> None:
    with receiving() as gone:
        gone.answers = [GONE]
        make_webhook(url=gone.url)
        make_event()
        deliver_all()
    assert stored() == []


def test_a_test_that_fails_is_no_failed_delivery_but_what_it_changes_is_told(app: Flask, receiver: Receiver) -> None:
    with receiving() as gone:
        gone.answers = [GONE]
        make_webhook(url=receiver.url, event_types=ALL)
        webhook = make_webhook(url=gone.url)
        with writing():
            send_test(changes.get(webhook.id), NewEvent("license.activated", {}))
        deliver_all()
        assert gone.requests[0].headers["x-webhook-test"] == "true"
    assert stored() == ["webhook.disabled"]


def test_that_an_operational_event_failed_is_no_news_but_what_it_changes_is(app: Flask, receiver: Receiver) -> None:
    with receiving() as gone, receiving() as watched:
        watched.answers = gone.answers = [GONE]
        make_webhook(name="All", url=receiver.url, event_types=ALL)
        make_webhook(name="Broken watcher", url=gone.url, event_types=["webhook.disabled"])
        make_webhook(name="Watched", url=watched.url)
        make_event()
        deliver_all()
    assert len(gone.requests) == 1
    found = {(news["type"], news["data"]["webhook"]["name"]) for news in told(receiver)}
    assert found == {
        ("webhook.disabled", "Watched"),
        ("delivery.failed", "Watched"),
        ("webhook.disabled", "Broken watcher"),
    }
    broken = db.session.scalars(db.select(Webhook).filter_by(name="Broken watcher")).one()
    assert not broken.active


def test_a_filter_chooses_which_webhooks_one_hears_of(app: Flask, receiver: Receiver) -> None:
    condition = {"field": "webhook.name", "operator": "starts_with", "value": "Bill"}
    with receiving() as gone:
        gone.answers = [GONE]
        make_webhook(
            url=receiver.url, event_types=["webhook.disabled"], filter={"match": "all", "conditions": [condition]}
        )
        make_webhook(name="Orders", url=gone.url)
        make_webhook(name="Billing", url=gone.url)
        make_event()
        deliver_all()
    assert [news["data"]["webhook"]["name"] for news in told(receiver)] == ["Billing"]
