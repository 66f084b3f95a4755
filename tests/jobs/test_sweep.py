from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask
from redis import Redis
from sqlalchemy import Connection, event, insert, text

from jobs import sweep as sweep_module
from jobs.chores.purge import purge_daily
from jobs.deliver import deliver
from jobs.sweep import sweep
from tests.support.factories import make_event, make_webhook
from tests.support.receivers import OK, Answer, Receiver, receiving
from webhooks_ui.database import db, dialect, writing
from webhooks_ui.deliveries.changes import new_delivery, retry
from webhooks_ui.models import Delivery, Webhook, utcnow
from webhooks_ui.models.health import health_of
from webhooks_ui.schedules import OWN
from webhooks_ui.webhooks import changes


@pytest.fixture
def wakes(app: Flask) -> Callable[[], bool]:
    """Return a function that sweeps, and returns True if the sweep asks RQ for a job."""

    def swept() -> bool:
        redis: Redis = app.extensions["redis"]
        redis.flushall()
        sweep()
        return bool(redis.llen("rq:queue:deliveries") == 1)

    return swept


def change(**values: object) -> None:
    """Set columns of all deliveries."""
    db.session.rollback()
    for row in db.session.scalars(db.select(Delivery)):
        for name, value in values.items():
            setattr(row, name, value)
    db.session.commit()


def test_it_wakes_for_what_is_due_and_for_nothing_else(wakes: Callable[[], bool]) -> None:
    make_webhook()
    assert not wakes()
    make_event()
    assert wakes()
    change(due_at=utcnow() + timedelta(minutes=5))
    assert not wakes()


def test_it_wakes_for_a_lease_that_ran_out(wakes: Callable[[], bool]) -> None:
    make_webhook()
    make_event()
    change(lease_token="dead", due_at=utcnow() + timedelta(seconds=5))
    assert not wakes()
    change(due_at=utcnow() - timedelta(seconds=1))
    assert wakes()


def test_it_does_not_wake_for_a_webhook_that_is_off_unless_an_admin_wants_it(wakes: Callable[[], bool]) -> None:
    webhook = make_webhook()
    make_event()
    db.session.get_one(Webhook, webhook.id).active = False
    db.session.commit()
    assert not wakes()
    change(forced=True)
    assert wakes()


def test_it_wakes_for_a_probe_when_the_pause_is_over(wakes: Callable[[], bool]) -> None:
    webhook = make_webhook(breaker_opened_at=utcnow(), probe_at=utcnow() + timedelta(minutes=1))
    make_event()
    assert not wakes()
    db.session.get_one(Webhook, webhook.id).probe_at = utcnow()
    db.session.commit()
    assert wakes()


@pytest.mark.parametrize(
    "change", [{"deleted_at": utcnow()}, {"environment": "staging"}], ids=["deleted", "moved to another environment"]
)
def test_it_cancels_what_is_pending_for_a_webhook_that_left_a_moment_ago(app: Flask, change: dict[str, Any]) -> None:
    """The change and the publication didn't see each other, or an attempt that was under way has failed."""
    gone, kept = make_webhook(), make_webhook()
    make_event()
    for name, value in (change | {"active": False}).items():
        setattr(db.session.get_one(Webhook, gone.id), name, value)
    db.session.commit()
    sweep()
    db.session.rollback()
    found = db.session.execute(db.select(Delivery.webhook_id, Delivery.status).order_by(Delivery.webhook_id))
    assert [tuple(row) for row in found] == [(gone.id, "cancelled"), (kept.id, "pending")]


def test_what_a_moved_webhook_gets_in_its_new_environment_stays(app: Flask) -> None:
    webhook = make_webhook()
    make_event()
    webhook.environment = "staging"
    db.session.commit()
    make_event(environment="staging")
    sweep()
    db.session.rollback()
    found = db.session.execute(db.select(Delivery.environment, Delivery.status).order_by(Delivery.id))
    assert [tuple(row) for row in found] == [("production", "cancelled"), ("staging", "pending")]


def test_what_a_moved_webhook_gets_in_order_waits_for_nothing_of_its_old_environment(
    app: Flask, receiver: Receiver
) -> None:
    """An attempt that was under way has failed, and its retry comes later than what was published since then."""
    webhook_id = make_webhook(url=receiver.url, in_order=True).id
    make_event()
    change(due_at=utcnow() + timedelta(hours=1))
    db.session.get_one(Webhook, webhook_id).environment = "staging"
    db.session.commit()
    make_event(environment="staging")
    sweep()
    deliver()
    db.session.rollback()
    found = db.session.execute(db.select(Delivery.environment, Delivery.status).order_by(Delivery.id))
    assert [tuple(row) for row in found] == [("production", "cancelled"), ("staging", "delivered")]


def test_what_a_webhook_left_long_ago_is_left_to_the_purge(app: Flask) -> None:
    """To look for it takes long if there are very many webhooks."""
    gone, gone_long_ago = make_webhook(), make_webhook()
    make_event()
    gone.environment = gone_long_ago.environment = "staging"
    gone_long_ago.updated_at = utcnow() - timedelta(hours=1)
    db.session.commit()
    query = db.select(Delivery.status).order_by(Delivery.webhook_id)
    sweep()
    db.session.rollback()
    assert db.session.scalars(query).all() == ["cancelled", "pending"]
    purge_daily()
    db.session.rollback()
    assert db.session.scalars(query).all() == ["cancelled", "cancelled"]


def plan_of(connection: Connection, sql: str, values: Any) -> str:
    """Return how the database would run a statement."""
    explain = "EXPLAIN QUERY PLAN" if connection.dialect.name == "sqlite" else "EXPLAIN"
    return str(connection.exec_driver_sql(f"{explain} {sql}", values).all())


def test_only_webhooks_that_changed_a_moment_ago_are_looked_at(app: Flask) -> None:
    read: list[tuple[str, Any]] = []
    make_webhook()
    with writing():
        columns = [column.name for column in Webhook.__table__.columns if column.name not in ("id", "updated_at")]
        listed = ", ".join(columns)
        copies = f"INSERT INTO webhooks ({listed}, updated_at) SELECT {listed}, :at FROM webhooks"
        for doubling in range(8):
            db.session.execute(
                text(copies), {"at": dialect(db.engine).time_value(utcnow() - timedelta(days=doubling + 1))}
            )
        db.session.execute(text("ANALYZE webhooks"))
    event.listen(db.engine, "before_cursor_execute", lambda _c, _cursor, sql, values, *_: read.append((sql, values)))
    sweep()
    of_changed = [(sql, values) for sql, values in read if "webhooks.updated_at >" in sql]
    assert len(of_changed) == 2
    with db.engine.connect() as connection:
        for sql, values in of_changed:
            assert "ix_webhooks_changed" in plan_of(connection, sql, values)


def test_a_deleted_webhook_costs_no_look_at_all_that_it_got(app: Flask) -> None:
    read: list[tuple[str, Any]] = []
    gone = make_webhook()
    got = make_event()
    with writing():
        changes.delete(changes.get(gone.id, lock=True))
        row = new_delivery(got.id, got.type, gone.id, got.environment, utcnow(), status="delivered", due_at=None)
        db.session.execute(insert(Delivery), [row] * 500)
        db.session.execute(text("ANALYZE deliveries"))  # of an almost empty table, PostgreSQL would read either index
    event.listen(db.engine, "before_cursor_execute", lambda _c, _cursor, sql, values, *_: read.append((sql, values)))
    sweep()
    of_deleted = [(sql, values) for sql, values in read if "webhooks.deleted_at IS NOT NULL" in sql]
    assert len(of_deleted) == 1
    with db.engine.connect() as connection:
        dialect(connection).prepare_for_worker(connection.connection.driver_connection)
        for sql, values in of_deleted:
            assert "ix_deliveries_due" in plan_of(connection, sql, values)


def test_a_clock_that_goes_back_an_hour_holds_nothing_up(app: Flask, receiver: Receiver) -> None:
    """A delivery from before the change goes out after it, even if a worker held its lease."""
    make_webhook(url=receiver.url)
    with time_machine.travel(utcnow() + timedelta(hours=1), tick=True):
        make_event()
        make_event()
        db.session.rollback()
        first = db.session.scalars(db.select(Delivery).order_by(Delivery.id)).all()[0]
        first.lease_token, first.due_at = "held", utcnow() + timedelta(seconds=10)
        db.session.commit()
    deliver()
    assert receiver.requests == []
    sweep()
    deliver()
    assert len(receiver.requests) == 2


@pytest.mark.usefixtures("waiting_drains")
@pytest.mark.parametrize("answer", [(500, {"Retry-After": "60"}, b""), (429, {"Retry-After": "5"}, b"")])
def test_a_clock_that_goes_back_a_day_holds_up_no_retry_even_if_others_publish_at_once(
    app: Flask, receiver: Receiver, answer: Answer
) -> None:
    receiver.answers = [answer, OK]
    make_webhook(url=receiver.url)
    with time_machine.travel(utcnow() + timedelta(days=1), tick=True):
        make_event()
        deliver()
        sweep()
    with receiving() as other:
        make_webhook(url=other.url)
        make_event()
        sweep()
        deliver()
    first = db.session.scalars(db.select(Delivery).order_by(Delivery.id)).first()
    assert first is not None
    db.session.refresh(first)
    assert (first.status, first.attempts_count) == ("delivered", 2)


def test_a_clock_that_went_back_makes_each_delivery_due_once(app: Flask, receiver: Receiver) -> None:
    """Until the next event, each sweep sees that the clock went back. There may be many deliveries that wait."""
    receiver.answers = [(500, {}, b"")]
    webhook = make_webhook(url=receiver.url)
    with time_machine.travel(utcnow() + timedelta(hours=3), tick=True):
        make_event()
        deliver()
    webhook.active = False
    db.session.commit()
    due = []
    for _ in range(2):
        sweep()
        due.append(db.session.scalars(db.select(Delivery.due_at)).one())
        db.session.rollback()
    assert due[0] == due[1] <= utcnow()


@pytest.mark.usefixtures("waiting_drains")
@pytest.mark.parametrize("answer", [(500, {}, b""), (429, {}, b"")])
def test_a_worker_whose_clock_was_years_ahead_for_a_moment_holds_no_retry_up(
    app: Flask, receiver: Receiver, answer: Answer
) -> None:
    """The clocks of the publisher and of the scheduler are right."""
    receiver.answers = [answer, OK]
    make_webhook(url=receiver.url)
    make_event()
    with time_machine.travel(utcnow() + timedelta(days=3_652), tick=True):
        deliver()
    make_event()
    sweep()
    deliver()
    assert db.session.scalars(db.select(Delivery.status)).all() == ["delivered", "delivered"]


def test_the_health_of_a_webhook_follows_the_clock_that_is_set_right(app: Flask, receiver: Receiver) -> None:
    fails, works = make_webhook(url=receiver.url), make_webhook(url=receiver.url + "/works")
    receiver.respond = lambda request: OK if "works" in request.path else (500, {}, b"")
    with time_machine.travel(utcnow() + timedelta(days=3_652), tick=True):
        make_event()
        deliver()
    sweep()
    db.session.rollback()
    assert (health_of(fails, utcnow()), health_of(works, utcnow())) == ("failing", "healthy")
    assert fails.failing_since
    assert fails.failing_since <= utcnow()
    later = utcnow() + timedelta(days=2)
    assert (health_of(fails, later), health_of(works, later)) == ("no_deliveries", "no_deliveries")


def test_what_a_publisher_with_a_wrong_clock_stored_last_is_sent_soon(
    app: Flask, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next event hides from each sweep that its clock was ahead."""
    make_webhook(url=receiver.url, in_order=True)
    sweep()
    with time_machine.travel(utcnow() + timedelta(hours=1), tick=True):
        make_event()
    make_event()
    sweep()
    deliver()
    assert receiver.requests == []
    monkeypatch.setattr(sweep_module, "CHECK_SECONDS", 0)
    sweep()
    deliver()
    assert len(receiver.requests) == 2


@pytest.mark.usefixtures("waiting_drains")
def test_what_a_person_wants_sent_at_once_goes_out_although_the_clock_of_the_web_server_was_ahead(
    app: Flask, receiver: Receiver
) -> None:
    receiver.answers = [(500, {}, b""), OK]
    make_webhook(url=receiver.url)
    make_event()
    deliver()
    with time_machine.travel(utcnow() + timedelta(hours=1), tick=True), writing():
        retry(db.session.scalars(db.select(Delivery.id)).all())
    sweep()
    deliver()
    assert len(receiver.requests) == 2


@pytest.mark.usefixtures("waiting_drains")
def test_a_retry_keeps_its_time_when_its_webhook_gives_up_its_own_schedule(app: Flask, receiver: Receiver) -> None:
    receiver.answers = [(500, {}, b"")]
    webhook_id = make_webhook(url=receiver.url, retry_schedule=OWN, retry_delays=[7 * 86_400]).id
    make_event()
    deliver()
    with writing():
        webhook = changes.get(webhook_id, lock=True)
        changes.edit(webhook, {"retry_schedule": None, "retry_delays": None})
    sweep()
    deliver()
    assert len(receiver.requests) == 1


def test_clocks_of_machines_that_differ_a_little_make_no_retry_early(app: Flask, receiver: Receiver) -> None:
    receiver.answers = [(500, {}, b"")]
    make_webhook(url=receiver.url)
    with time_machine.travel(utcnow() + timedelta(minutes=1), tick=True):
        make_event()
        deliver()
    sweep()
    deliver()
    assert len(receiver.requests) == 1


def test_a_clock_that_goes_forward_changes_nothing_that_is_final(app: Flask, receiver: Receiver) -> None:
    make_webhook(url=receiver.url)
    make_event()
    deliver()
    with time_machine.travel(utcnow() + timedelta(days=40), tick=True):
        sweep()
        deliver()
    assert len(receiver.requests) == 1
