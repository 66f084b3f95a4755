"""What answers do to the health of a webhook, and what a change of the webhook does to what waits for it."""

from typing import Any

import pytest
import time_machine
from flask import Flask

from jobs.deliver import deliver
from tests.support.factories import make_event, make_webhook
from tests.support.receivers import OK, Answer, Received, Receiver
from tests.support.stored import attempts, the_delivery, the_webhook
from webhooks_ui.database import db, writing
from webhooks_ui.models import Delivery, secret_box, utcnow
from webhooks_ui.webhooks import changes
from webhooks_ui.webhooks.own_headers import OwnHeader


def test_410_makes_the_webhook_inactive_at_once_and_says_so(app: Flask, receiver: Receiver) -> None:
    receiver.answers = [(410, {}, b"")]
    webhook = make_webhook(url=receiver.url)
    make_event()
    deliver()
    db.session.refresh(webhook)
    assert (webhook.active, webhook.is_disabled) == (False, True)
    assert webhook.disabled_reason == "The endpoint answered 410 Gone."
    assert the_delivery().status == "failed"


def move_while_it_answers(app: Flask, receiver: Receiver, webhook_id: int, answer: Answer) -> None:
    """Let the receiver give the webhook another URL while it answers. At the new one it answers 200."""

    def respond(request: Received) -> Answer:
        if request.path == "/hook/moved":
            return OK
        with app.app_context(), writing():
            changes.edit(changes.get(webhook_id), {"url": receiver.url + "/moved"})
        return answer

    receiver.respond = respond


@pytest.mark.parametrize("answer", [(410, {}, b""), (429, {"Retry-After": "600"}, b""), (500, {}, b"")])
def test_what_an_old_url_answers_does_not_count_against_the_new_one(
    app: Flask, receiver: Receiver, answer: Answer
) -> None:
    move_while_it_answers(app, receiver, make_webhook(url=receiver.url).id, answer)
    make_event()
    deliver()
    webhook = the_webhook()
    assert attempts()[0].response_code == answer[0]
    assert (webhook.active, webhook.is_throttled, webhook.consecutive_failures, webhook.failures) == (
        True,
        False,
        0,
        [],
    )


@pytest.mark.parametrize("answer", [(410, {}, b""), (429, {"Retry-After": "86400"}, b""), (404, {}, b"no_service")])
@pytest.mark.parametrize("in_order", [False, True])
def test_what_an_old_url_will_not_take_is_tried_at_the_new_one(
    app: Flask, receiver: Receiver, answer: Answer, in_order: bool
) -> None:
    webhook = make_webhook(url=receiver.url, format="slack", in_order=in_order)
    move_while_it_answers(app, receiver, webhook.id, answer)
    make_event()
    deliver()
    with time_machine.travel(utcnow(), tick=True) as clock:
        clock.shift(90)
        deliver()
    assert [request.path for request in receiver.requests] == ["/hook", "/hook/moved"]
    assert the_delivery().status == "delivered"


def test_ten_failures_in_a_row_open_the_breaker_and_a_successful_probe_releases_what_waits(
    app: Flask, receiver: Receiver
) -> None:
    receiver.answers = [(500, {}, b"")]
    webhook = make_webhook(url=receiver.url)
    with time_machine.travel(utcnow(), tick=True) as clock:
        for _ in range(30):
            make_event()
        deliver()
        db.session.refresh(webhook)
        assert webhook.is_broken
        sent = len(receiver.requests)
        assert 10 <= sent < 30
        clock.shift(3_600)
        deliver()
        assert len(receiver.requests) == sent + 1
        receiver.answers = [(200, {}, b"")]
        clock.shift(7_200)
        deliver()
        deliver()
        db.session.refresh(webhook)
        assert webhook.status == "active"
        assert set(db.session.scalars(db.select(Delivery.status))) == {"delivered"}


@pytest.mark.parametrize("what", ["url", "headers", "secret"])
def test_a_change_of_a_failing_webhook_is_probed_at_once(app: Flask, receiver: Receiver, what: str) -> None:
    receiver.answers = [(401, {}, b"")]
    webhook = make_webhook(url=receiver.url)
    for _ in range(12):
        make_event()
    deliver()
    assert the_webhook().is_broken
    receiver.answers = [OK]
    moved, tenant = {"url": receiver.url + "/moved"}, {"headers": [OwnHeader("X-Tenant", "a")]}
    fields: dict[str, dict[str, Any]] = {"url": moved, "headers": tenant, "secret": {}}
    with writing():
        changes.edit(webhook, {"description": "None of this decides what the endpoint answers"})
    deliver()
    assert the_webhook().is_broken
    with writing():
        changes.edit(webhook, fields[what], secret=secret_box.generate() if what == "secret" else "")
    deliver()
    assert not the_webhook().is_broken


@pytest.mark.parametrize("in_order", [False, True])
@pytest.mark.parametrize("what", ["url", "active"])
def test_another_url_and_an_activation_end_the_pause_also_for_what_was_told_to_wait(
    app: Flask, receiver: Receiver, what: str, in_order: bool
) -> None:
    receiver.answers = [(429, {"Retry-After": "3600"}, b""), OK, OK]
    webhook = make_webhook(url=receiver.url, in_order=in_order)
    make_event()
    deliver()
    with writing():
        if what == "url":
            changes.edit(webhook, {"url": receiver.url + "/moved"})
        else:
            changes.set_active(webhook, False)
            changes.set_active(webhook, True)
    make_event()
    deliver()
    path = "/hook/moved" if what == "url" else "/hook"
    assert [request.path for request in receiver.requests] == ["/hook", path, path]
