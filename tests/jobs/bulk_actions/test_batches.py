from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import JSON, column, table, update

from jobs.bulk_actions import batches, filters_of, held_by_webhooks
from jobs.deliver import deliver
from jobs.publish import publish
from tests.support.factories import make_webhook
from tests.support.log_rows import add_delivery, settle
from tests.support.receivers import Receiver
from webhooks_ui.database import db, write_transaction
from webhooks_ui.deliveries.filters import DeliveryFilters
from webhooks_ui.deliveries.ids_by_time import highest_id
from webhooks_ui.deliveries.missed import Missed, count_missed
from webhooks_ui.deliveries.walk import count_by_status
from webhooks_ui.events.new_event import NewEvent
from webhooks_ui.models import BulkAction, Delivery, Event, utcnow


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "BATCH_ROWS", 2)


def begin(kind: str, start: int, end: int, **filters: object) -> int:
    """Store a running action that goes from the id ``start`` to the id ``end``. Return its id."""
    action = BulkAction(kind=kind, filters=filters, actor="eva@example.com", start_id=start, end_id=end, place=start)
    db.session.add(action)
    db.session.commit()
    return action.id


def begin_for_all(kind: str, **filters: object) -> int:
    """Store a running action for all deliveries that ``filters`` show. Return its id."""
    return begin(kind, 0, highest_id(Delivery), **filters)


def finish(action_id: int) -> int:
    """Run batches until the action has finished. Return how many there were."""
    count = 1
    while batches.run_batch(action_id):
        count += 1
    db.session.rollback()
    return count


def statuses(*deliveries: Delivery) -> list[str]:
    """Return the statuses in the database now."""
    db.session.expire_all()
    return [db.session.get_one(Delivery, delivery.id).status for delivery in deliveries]


def test_a_retry_changes_what_the_filters_show_and_nothing_else(app: Flask) -> None:
    failed = [settle(add_delivery(), 500, attempts_count=5) for _ in range(5)]
    other = settle(add_delivery(make_webhook(environment="staging")), 500)
    action_id = begin_for_all("retry", status="failed", environment="production")
    later = settle(add_delivery(), 500)
    assert finish(action_id) > 1
    assert statuses(*failed, other, later) == ["pending"] * 5 + ["failed"] * 2
    action = db.session.get_one(BulkAction, action_id)
    assert (action.status, action.changed_count, action.progress) == ("finished", 5, 1.0)
    retried = db.session.get_one(Delivery, failed[0].id)
    assert (retried.forced, retried.attempts_allowed) == (False, 6)


def test_a_test_to_a_webhook_that_keeps_the_order_goes_out_too(app: Flask, receiver: Receiver) -> None:
    webhook = make_webhook(url=receiver.url, in_order=True)
    settle(add_delivery(webhook, trigger="test", attempts_allowed=1), 500)
    settle(add_delivery(webhook), 500)
    finish(begin_for_all("retry", status="failed"))
    deliver()
    assert len(receiver.requests) == 2


def test_what_would_change_is_counted_by_the_status_that_pages_show(app: Flask) -> None:
    add_delivery()
    settle(add_delivery(), 429, status="pending", throttled_count=1)
    settle(add_delivery(), 500, status="pending")
    settle(add_delivery(), 500)
    found = batches.what_it_changes("retry", DeliveryFilters())
    counts, complete = count_by_status(found, highest_id(Delivery) + 1, 10)
    assert (counts, complete) == ({"pending": 2, "retrying": 1, "failed": 1}, True)


def test_what_is_under_way_or_of_a_deleted_webhook_is_left_alone(app: Flask) -> None:
    add_delivery(lease_token="held", due_at=utcnow() + timedelta(minutes=1))
    gone = settle(add_delivery(), 500)
    gone.webhook.deleted_at = utcnow()
    db.session.commit()
    action_id = begin_for_all("retry")
    finish(action_id)
    assert db.session.get_one(BulkAction, action_id).changed_count == 0
    assert statuses(gone) == ["failed"]


def test_a_stopped_action_does_no_further_batch(app: Flask) -> None:
    deliveries = [settle(add_delivery(), 500) for _ in range(4)]
    action_id = begin_for_all("retry", status="failed")
    assert batches.run_batch(action_id)
    db.session.get_one(BulkAction, action_id).status = "stopped"
    db.session.commit()
    assert not batches.run_batch(action_id)
    assert sorted(statuses(*deliveries)) == ["failed", "failed", "pending", "pending"]


def test_of_two_workers_at_one_place_the_second_changes_nothing(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    delivery = settle(add_delivery(), 500)
    action_id = begin_for_all("retry", status="failed")
    find = batches._next_step

    def overtaken(action: BulkAction) -> batches.Step:
        """Find a batch. Before it is returned, let another worker do the same batch, and its delivery fail again."""
        step = find(action)
        monkeypatch.setattr(batches, "_next_step", find)
        batches.run_batch(action_id)
        settle(db.session.get_one(Delivery, delivery.id), 500, attempts_count=2)
        return step

    monkeypatch.setattr(batches, "_next_step", overtaken)
    assert not batches.run_batch(action_id)
    assert statuses(delivery) == ["failed"]
    assert db.session.get_one(BulkAction, action_id).changed_count == 1


def test_only_what_waits_for_an_inactive_webhook_is_cancelled(app: Flask) -> None:
    inactive = make_webhook(active=False)
    waiting = [add_delivery(inactive) for _ in range(3)]
    forced = add_delivery(inactive, forced=True)
    active = add_delivery()
    failed = settle(add_delivery(inactive), 500)
    finish(begin_for_all("cancel"))
    assert statuses(*waiting) == ["cancelled"] * 3
    assert statuses(forced, active, failed) == ["pending", "pending", "failed"]
    assert db.session.get_one(Delivery, waiting[0].id).due_at is None


def test_missed_events_are_sent_once_and_only_those_of_the_time_and_types(app: Flask) -> None:
    webhook = make_webhook(active=False, event_types=["license.activated", "license.created"])
    old = publish("production", [NewEvent("license.created", {})])[0].id
    db.session.execute(db.update(Event).values(created_at=utcnow() - timedelta(days=2)))
    db.session.commit()
    wanted = [publish("production", [NewEvent("license.activated", {})])[0].id for _ in range(5)]
    publish("production", [NewEvent("product.created", {})])
    publish("staging", [NewEvent("license.activated", {})])
    missed = Missed.of(webhook, utcnow() - timedelta(days=1), utcnow())
    assert count_missed(missed, 5.0) == (5, True)
    for _ in range(2):
        finish(begin("send_missed", *missed.ids, **missed.as_json))
    sent = db.session.execute(
        db.select(Event.public_id, Delivery.trigger, Delivery.status).join(Delivery.event).order_by(Delivery.id)
    ).all()
    assert [tuple(row) for row in sent] == [(id, "missed", "pending") for id in wanted]
    assert old not in wanted
    assert count_missed(missed, 5.0) == (0, True)


def test_an_action_that_nobody_works_on_is_asked_for_again(app: Flask) -> None:
    settle(add_delivery(), 500)
    forgotten, fresh = begin_for_all("retry"), begin_for_all("retry")
    db.session.get_one(BulkAction, forgotten).updated_at = utcnow() - timedelta(minutes=1)
    db.session.commit()
    batches.resume()
    from rq import Queue

    jobs = Queue("chores", connection=app.extensions["redis"]).jobs
    assert [job.args for job in jobs if job.func_name == "jobs.bulk_actions.batches.carry_on"] == [(forgotten,)]
    assert fresh != forgotten


def test_a_long_action_hands_over_to_a_successor(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(6):
        settle(add_delivery(), 500)
    monkeypatch.setattr(batches, "RUN_SECONDS", 0.0)
    asked: list[int] = []
    monkeypatch.setattr(batches, "ask", asked.append)
    action_id = begin_for_all("retry", status="failed")
    batches.carry_on(action_id)
    assert asked == [action_id]
    assert db.session.get_one(BulkAction, action_id).changed_count == 2


def test_the_progress_is_the_part_of_the_way_that_is_done(app: Flask) -> None:
    action = BulkAction(kind="retry", status="running", start_id=1, end_id=101, place=26)
    assert action.progress == 0.25


def test_what_webhooks_hold_back_is_counted_by_webhook(app: Flask) -> None:
    failing, inactive = make_webhook(breaker_opened_at=utcnow()), make_webhook(active=False)
    deliveries = [settle(add_delivery(webhook), 500) for webhook in (inactive, failing, failing, make_webhook())]
    action_id = begin_for_all("retry")
    finish(action_id)
    action = db.session.get_one(BulkAction, action_id)
    held, count = held_by_webhooks(action)
    assert ([(webhook.id, number) for webhook, number in held], count) == ([(failing.id, 2), (inactive.id, 1)], 3)
    settle(deliveries[0], status="pending", due_at=utcnow(), forced=True)
    assert held_by_webhooks(action)[1] == 2, "one that a person retries goes out"


@pytest.mark.parametrize(
    ("kind", "filters"),
    [
        ("retry", None),
        ("retry", ["failed"]),
        ("retry", {"status": 5}),
        ("retry", {"state": "failed"}),
        ("cancel", "failed"),
        ("send_missed", {}),
        ("send_missed", {"webhook_id": 1, "environment": "production", "event_types": [], "since": 1, "until": 2}),
        ("purge", {}),
    ],
)
def test_an_action_that_cannot_be_read_is_stopped_and_changes_nothing(
    app: Flask, kind: str, filters: object, caplog: pytest.LogCaptureFixture
) -> None:
    failed = settle(add_delivery(), 500)
    action_id = begin(kind, 0, highest_id(Delivery))
    rows = table("bulk_actions", column("filters", JSON))
    with write_transaction() as connection:
        connection.execute(update(rows).values(filters=filters))
    batches.carry_on(action_id)
    assert statuses(failed) == ["failed"]
    action = db.session.get_one(BulkAction, action_id)
    assert (action.status, filters_of(action)) == ("stopped", None)
    assert [entry.message for entry in caplog.records if entry.levelname == "ERROR"] == [
        f"Bulk action {action_id} is stopped, because what is stored of it can't be read"
    ]
