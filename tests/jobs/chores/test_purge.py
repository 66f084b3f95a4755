from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask
from rq import Queue

from jobs.chores import purge as purge_module
from jobs.chores.purge import Purged, count, purge
from jobs.chores.trusted_time import PURGED_AT
from tests.support.factories import make_delivery, make_event, make_webhook
from tests.support.people import last_entry
from webhooks_ui import audit
from webhooks_ui.database import db
from webhooks_ui.models import Attempt, AuditEntry, Delivery, Event, Setting, Stats, set_settings, utcnow
from webhooks_ui.wake import CHORES


def days_ago(days: int) -> datetime:
    return utcnow() - timedelta(days=days)


def make_old(days: int, **fields: Any) -> int:
    """Make a delivery and its event, both ``days`` old, with one attempt. Return the delivery's id."""
    values: dict[str, Any] = {"status": "delivered", "created_at": days_ago(days)} | fields
    delivery = make_delivery(**values)
    delivery.event.created_at = days_ago(days)
    attempt = Attempt(
        delivery_id=delivery.id,
        number=1,
        started_at=days_ago(days),
        duration_ms=5,
        outcome="delivered",
        url="https://example.com",
        kept_headers={},
        response_headers=[],
    )
    db.session.add(attempt)
    db.session.commit()
    return delivery.id


def left(model: type[object]) -> int:
    """Return how many rows of ``model`` are left."""
    db.session.rollback()
    return int(db.session.scalars(db.select(db.func.count()).select_from(model)).one())


def test_old_final_deliveries_go_with_their_attempts_and_events(app: Flask) -> None:
    webhook = make_webhook()
    for status in ("delivered", "failed", "cancelled"):
        make_old(31, webhook=webhook, status=status)
    young = make_old(29, webhook=webhook)
    assert count() == Purged(3, 3)
    assert left(Delivery) == 4
    assert purge() == Purged(3, 3)
    assert db.session.scalars(db.select(Delivery.id)).all() == [young]
    assert (left(Event), left(Attempt)) == (1, 1)


def test_what_is_pending_stays_with_its_event_however_old(app: Flask) -> None:
    make_old(400, status="pending")
    assert count() == purge() == Purged(0, 0)
    assert (left(Delivery), left(Event)) == (1, 1)


def test_an_event_stays_as_long_as_one_young_delivery_needs_it(app: Flask) -> None:
    old = make_old(40)
    young = Delivery(
        event_id=db.session.get_one(Delivery, old).event_id,
        webhook_id=make_webhook(name="Later").id,
        event_type="license.activated",
        environment="production",
        status="delivered",
    )
    db.session.add(young)
    db.session.commit()
    assert count() == purge() == Purged(1, 0)
    assert (left(Delivery), left(Event)) == (1, 1)


def test_events_that_nobody_subscribed_to_go_too(app: Flask) -> None:
    make_event().created_at = days_ago(31)
    db.session.commit()
    make_event()
    assert purge() == Purged(0, 1)
    assert left(Event) == 1


def test_statistics_and_audit_entries_stay(app: Flask) -> None:
    delivery = db.session.get_one(Delivery, make_old(100))
    hour = days_ago(100)
    db.session.add(Stats(webhook_id=delivery.webhook_id, hour=hour, succeeded=True, duration_bucket_ms=10, count=1))
    audit.record("webhook.created", "webhook", delivery.webhook_id)
    db.session.commit()
    purge()
    assert (left(Stats), left(AuditEntry)) == (1, 1)


def test_the_retention_is_that_of_the_settings_unless_told_otherwise(app: Flask) -> None:
    make_old(10)
    assert count() == Purged(0, 0)
    assert count(older_than_days=9) == Purged(1, 1)
    set_settings({"retention_days": 7})
    db.session.commit()
    assert purge() == Purged(1, 1)


@pytest.mark.parametrize("batch", [1, 2, 3])
def test_any_number_of_batches_deletes_the_same(app: Flask, monkeypatch: pytest.MonkeyPatch, batch: int) -> None:
    monkeypatch.setattr(purge_module, "BATCH_EVENTS", batch)
    webhook = make_webhook()
    at = days_ago(50)
    for status in ("delivered", "pending", "failed", "pending", "delivered"):
        delivery = db.session.get_one(Delivery, make_old(50, webhook=webhook, status=status, created_at=at))
        delivery.event.created_at = at
        db.session.commit()
    assert purge() == Purged(3, 3)
    assert left(Delivery) == 2


def test_the_daily_purge_takes_turns_with_deliveries(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(purge_module, "BATCH_EVENTS", 1)
    monkeypatch.setattr(purge_module, "TURN_SECONDS", 0)
    webhook = make_webhook()
    for _ in range(3):
        make_old(40, webhook=webhook)
    queue = Queue(CHORES, connection=app.extensions["redis"])
    queue.enqueue(purge_module.purge_daily)
    turns = 0
    while (job := queue.jobs and queue.jobs[0]) and turns < 10:
        queue.empty()
        purge_module.purge_daily(*job.args)
        turns += 1
    assert turns == 4
    assert db.session.scalar(db.select(db.func.count(Delivery.id))) == 0
    entry = last_entry("delivery.purged")
    assert (entry.actor, entry.after) == ("system", {"deliveries": 3, "events": 3, "older_than_days": 30})


def test_a_purge_of_nothing_leaves_no_audit_entry(app: Flask) -> None:
    purge_module.purge_daily()
    assert left(AuditEntry) == 0


def test_the_daily_purge_cancels_what_was_published_while_its_webhook_was_deleted(app: Flask) -> None:
    orphan, waiting = make_delivery(), make_delivery()
    orphan.webhook.deleted_at = utcnow()
    orphan.webhook.active = waiting.webhook.active = False
    db.session.commit()
    purge_module.purge_daily()
    db.session.expire_all()
    assert (orphan.status, orphan.due_at) == ("cancelled", None)
    assert waiting.status == "pending"


def test_a_clock_that_is_years_ahead_for_a_moment_deletes_little(app: Flask, caplog: pytest.LogCaptureFixture) -> None:
    purge_module.purge_daily()
    webhook = make_webhook()
    for days in (25, 20):
        make_old(days, webhook=webhook)
    with time_machine.travel(utcnow() + timedelta(days=3_652)):
        purge_module.purge_daily()
    assert left(Delivery) == 1
    assert "ahead of the last purge" in caplog.text
    caplog.clear()
    make_old(28, webhook=webhook)
    purge_module.purge_daily()
    assert left(Delivery) == 2
    assert not caplog.text


def test_after_a_long_pause_purges_catch_up(app: Flask) -> None:
    webhook = make_webhook()
    for days in (58, 51, 44):
        make_old(days, webhook=webhook)
    with time_machine.travel(days_ago(29)):
        purge_module.purge_daily()
    found = []
    for _ in range(5):
        purge_module.purge_daily()
        found.append(left(Delivery))
    assert found == [2, 1, 0, 0, 0]


def test_a_clock_that_was_years_behind_for_a_moment_holds_no_purge_up(app: Flask) -> None:
    """Some machines know the time only after their start."""
    purge_module.purge_daily()
    with time_machine.travel(0):
        purge_module.purge_daily()
    make_old(31)
    purge_module.purge_daily()
    assert left(Delivery) == 0


@pytest.mark.parametrize("wrong", ["yesterday", 10**20, -(10**12), 253_402_300_799, 1.5])
def test_a_purge_takes_no_notice_of_a_last_one_that_a_person_wrote(app: Flask, wrong: object) -> None:
    make_old(31)
    db.session.add(Setting(name=PURGED_AT, value=wrong))
    db.session.commit()
    purge_module.purge_daily()
    assert left(Delivery) == 0
