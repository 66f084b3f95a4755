"""An endpoint that fails for days makes its webhook inactive, unless nothing was sent in most of them."""

from datetime import timedelta

import time_machine
from flask import Flask

from jobs.deliver import deliver
from tests.support.factories import make_event, make_webhook
from tests.support.receivers import OK, Answer, Receiver
from webhooks_ui.database import db
from webhooks_ui.models import Delivery, Webhook, utcnow

BROKEN: Answer = (500, {}, b"")


def is_active() -> bool:
    db.session.rollback()
    active: bool = db.session.scalars(db.select(Webhook.active)).one()
    return active


def test_two_failures_with_weeks_between_them_leave_it_active(app: Flask, receiver: Receiver) -> None:
    make_webhook(url=receiver.url, retry_schedule="own", retry_delays=[60])
    receiver.answers = [BROKEN]
    with time_machine.travel(utcnow(), tick=True) as clock:
        for pause in (timedelta(minutes=2), timedelta(days=30)):
            make_event()
            deliver()
            clock.shift(pause)
            deliver()
        assert is_active()
        make_event()
        deliver()
        assert is_active()
        receiver.answers = [OK]
        clock.shift(timedelta(minutes=2))
        deliver()
        db.session.rollback()
        assert db.session.scalars(db.select(Delivery.status).order_by(Delivery.id)).all()[-1] == "delivered"


def test_an_event_a_day_that_fails_makes_it_inactive_after_five_days(app: Flask, receiver: Receiver) -> None:
    make_webhook(url=receiver.url, retry_schedule="own", retry_delays=[60])
    receiver.answers = [BROKEN]
    active = []
    with time_machine.travel(utcnow(), tick=True) as clock:
        for _ in range(6):
            make_event()
            deliver()
            active.append(is_active())
            clock.shift(timedelta(days=1, seconds=1))
    assert active == [True] * 5 + [False]
