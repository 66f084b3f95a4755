import _sqlite3
import ctypes
import math
import time
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Connection

from jobs.claim import LEASE_SECONDS, PORTION_BYTES, Claimed, Claims, release, renew
from jobs.drain.demand import Demand
from jobs.drain.sending import sending_of
from jobs.look import look, sendable
from jobs.publish import publish, send_test
from tests.support.factories import make_event, make_webhook
from webhooks_ui.database import db, dialect, write_transaction, writing
from webhooks_ui.database.statements import run
from webhooks_ui.events.new_event import NewEvent
from webhooks_ui.models import Delivery, Event, Webhook, utcnow
from webhooks_ui.models.delivery import FORCED_AND_DUE

MUCH = 10**9


def claim_all(token: str = "a", each: int = 100, deliveries: int = 1_000, large_bytes: int = MUCH) -> list[Claimed]:
    """Claim the due deliveries of all webhooks in one transaction."""
    db.session.rollback()
    now = utcnow()
    with write_transaction() as connection:
        return Claims(connection, now, token, deliveries, large_bytes).take(look(connection, now).open, each)


def test_a_claim_has_all_that_sending_needs(app: Flask) -> None:
    webhook = make_webhook(url="https://example.com/hook")
    event = make_event(data={"name": "Zoë"})
    (claimed,) = claim_all()
    assert (claimed.event_id, claimed.event_type, claimed.environment) == (event.public_id, event.type, "production")
    assert (claimed.body, claimed.attempt, claimed.attempts_allowed, claimed.token) == (event.body, 1, None, "a")
    assert (claimed.target.id, claimed.target.url, claimed.target.is_probe) == (webhook.id, webhook.url, False)
    delivery = db.session.get_one(Delivery, claimed.id)
    assert delivery.lease_token == "a"
    assert delivery.due_at is not None
    left = delivery.due_at - utcnow()
    assert timedelta(0) < left <= timedelta(seconds=LEASE_SECONDS)


def test_what_is_leased_is_not_leased_again_until_it_is_released(app: Flask) -> None:
    make_webhook()
    make_event()
    (claimed,) = claim_all()
    assert claim_all("b") == []
    with write_transaction() as connection:
        renew(connection, utcnow(), "b", [claimed.id])  # "b" doesn't hold the lease, so this changes nothing
        release(connection, utcnow(), "b", [claimed.id])
    assert claim_all("b") == []
    with write_transaction() as connection:
        release(connection, utcnow(), "a", [claimed.id])
    assert [delivery.id for delivery in claim_all("b")] == [claimed.id]


def test_what_is_pending_of_an_environment_that_its_webhook_left_is_cancelled(app: Flask) -> None:
    """It was under way at that moment, or published then. Otherwise the change of the webhook has cancelled it."""
    webhook = make_webhook()
    make_event()
    webhook.environment = "staging"
    db.session.commit()
    make_event(environment="staging")
    assert [claimed.environment for claimed in claim_all()] == ["staging"]
    cancelled, claimed = db.session.scalars(db.select(Delivery).order_by(Delivery.id))
    assert (cancelled.status, cancelled.due_at, cancelled.lease_token) == ("cancelled", None, None)
    assert (claimed.status, claimed.lease_token) == ("pending", "a")


def test_what_was_published_after_a_move_that_the_look_missed_is_given_back(app: Flask) -> None:
    """On PostgreSQL, a webhook can be moved between the look and the lease."""
    make_webhook(environment="staging")
    make_event(environment="staging")
    db.session.rollback()
    now = utcnow()
    with write_transaction() as connection:
        seen = {id: replace(target, environment="production") for id, target in look(connection, now).open.items()}
        assert Claims(connection, now, "a", 10, MUCH).take(seen, 10) == []
    (delivery,) = db.session.scalars(db.select(Delivery))
    assert (delivery.status, delivery.due_at, delivery.lease_token) == ("pending", now, None)


def test_what_waits_behind_a_cancelled_delivery_is_looked_for_again(app: Flask) -> None:
    """In a webhook that keeps the order, only the first one is claimed."""
    webhook = make_webhook(in_order=True)
    make_event()
    webhook.environment = "staging"
    db.session.commit()
    make_event(environment="staging")
    db.session.rollback()
    demand = Demand(sending_of(app), "a", 1)
    with write_transaction() as connection:
        assert demand.lease(connection, utcnow()) == []
        assert demand.look_at < math.inf
        assert [claimed.environment for claimed in demand.lease(connection, utcnow())] == ["staging"]


def test_each_webhook_has_its_share_and_the_oldest_go_first(app: Flask) -> None:
    for number in range(3):
        make_webhook(name=f"Webhook {number}")
    publish("production", [NewEvent("license.activated", {"n": n}) for n in range(10)])
    claimed = claim_all(each=4)
    assert len(claimed) == 12
    assert {delivery.body for delivery in claimed} == set(db.session.scalars(db.select(Event.body).limit(4)))
    assert len(claim_all(each=4, deliveries=5)) == 5


def test_large_bodies_have_room_for_so_many_bytes_and_at_least_for_one(app: Flask) -> None:
    make_webhook()
    publish("production", [NewEvent("license.activated", {"x": "y" * PORTION_BYTES}) for _ in range(5)])
    assert len(claim_all(large_bytes=2 * PORTION_BYTES)) == 2
    assert len(claim_all(large_bytes=1)) == 1
    assert claim_all(large_bytes=0) == []
    rest = claim_all()
    assert len({delivery.body for delivery in rest}) == 2
    assert all(len(delivery.body) > PORTION_BYTES for delivery in rest)


def test_no_webhook_takes_all_the_room_for_large_bodies_and_small_ones_need_none(app: Flask) -> None:
    for name, types in (("A", ["license.activated"]), ("B", ["license.activated"]), ("C", ["license.expired"])):
        make_webhook(name=name, event_types=types)
    publish("production", [NewEvent("license.activated", {"x": "y" * PORTION_BYTES}) for _ in range(5)])
    publish("production", [NewEvent("license.expired", {}) for _ in range(5)])
    claimed = claim_all(large_bytes=2 * PORTION_BYTES)
    assert Counter(delivery.target.id for delivery in claimed) == {1: 1, 2: 1, 3: 5}


def test_a_lease_that_somebody_else_took_is_lost(app: Flask) -> None:
    make_webhook()
    make_event()
    make_event()
    first, second = claim_all()
    with write_transaction() as connection:
        connection.execute(db.update(Delivery).where(Delivery.id == first.id).values(lease_token="b"))
        assert renew(connection, utcnow(), "a", {first.id, second.id}) == {first.id}
        assert renew(connection, utcnow(), "a", {second.id}) == set()


@pytest.mark.parametrize(
    "state", [{"active": False}, {"deleted_at": utcnow()}, {"breaker_opened_at": utcnow(), "probe_at": utcnow()}]
)
def test_what_may_not_go_out_is_not_open_but_can_be_forced(app: Flask, state: dict[str, object]) -> None:
    webhook = make_webhook()
    make_event()
    for name, value in state.items():
        setattr(webhook, name, value)
    db.session.commit()
    with writing():
        send_test(webhook, NewEvent("license.activated", {}))
    with write_transaction() as connection:
        found = look(connection, utcnow())
        assert (found.open, found.forced) == ({}, True)
        assert sendable(connection, utcnow(), [webhook.id]) == set()
        assert len(Claims(connection, utcnow(), "a", 10, MUCH).take_forced()) == 1


def test_one_probe_at_a_time_goes_to_an_endpoint_behind_an_open_breaker(app: Flask) -> None:
    webhook = make_webhook(breaker_opened_at=utcnow(), probe_at=utcnow())
    make_event()
    make_event()
    db.session.rollback()
    for expected in (1, 0):
        with write_transaction() as connection:
            found = look(connection, utcnow())
            assert list(found.probes) == [webhook.id][:expected]
            probes = Claims(connection, utcnow(), "a", 10, MUCH).take_probes(found.probes, 10)
            assert [probe.target.is_probe for probe in probes] == [True][:expected]


@pytest.mark.parametrize(
    "kind",
    [{"rate_limit": 10}, {"rate_limit": 10, "in_order": True}, {"in_order": True}, {"breaker_opened_at": utcnow()}],
    ids=["paced", "paced, in order", "in order", "probed"],
)
def test_a_webhook_on_which_another_worker_writes_is_left_out_for_a_moment(app: Flask, kind: dict[str, object]) -> None:
    """The other one may be about to wait for a webhook that this one has written on."""
    if db.engine.dialect.name == "sqlite":
        pytest.skip("SQLite lets one worker write at a time")
    make_webhook(**kind)
    make_event()
    db.session.rollback()
    demand = Demand(sending_of(app), "a", 10)

    def lease() -> list[Claimed]:
        with write_transaction() as connection:
            connection.execute(db.text("SET LOCAL lock_timeout = '5s'"))
            return demand.lease(connection, utcnow())

    with write_transaction() as other:
        other.execute(db.update(Webhook).values(consecutive_failures=1))
        assert lease() == []
    assert demand.look_at < time.monotonic() + 1
    assert len(lease()) == 1


def test_a_look_goes_on_where_the_last_one_ended(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.look.LOOK_MAX_WEBHOOKS", 2)
    ids = [make_webhook(name=f"Webhook {number}").id for number in range(5)]
    make_event()
    db.session.execute(db.update(Webhook).where(Webhook.id == ids[1]).values(active=False))
    db.session.commit()
    seen: list[int] = []
    cursor = 0
    with db.engine.connect() as connection:
        for _ in range(3):
            found = look(connection, utcnow(), cursor)
            seen += found.open
            cursor = found.cursor
    assert (seen, cursor) == ([ids[0], *ids[2:]], 0)


def test_the_queue_is_read_by_its_own_index(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a condition on the status, PostgreSQL may read all that is pending instead, of each webhook anew."""
    make_webhook()
    make_event()
    made: list[tuple[str, Any]] = []

    def note(connection: Connection, statement: str, values: Any) -> list[tuple[Any, ...]]:
        made.append((statement, values))
        return run(connection, statement, values)

    monkeypatch.setattr(dialect(db.engine), "run", note)
    assert len(claim_all()) == 1
    of_queue = [(sql, values) for sql, values in made if "due_at <=" in sql]
    assert len(of_queue) >= 2
    assert not any("status" in sql for sql, _ in of_queue)
    explain = "EXPLAIN QUERY PLAN" if db.engine.dialect.name == "sqlite" else "EXPLAIN"
    with db.engine.connect() as connection:
        dialect(connection).prepare_for_worker(connection.connection.driver_connection)
        connection.exec_driver_sql("DELETE FROM deliveries")
        for _ in range(2):
            plans = [str(connection.exec_driver_sql(f"{explain} {sql}", values).all()) for sql, values in of_queue]
            assert sum("ix_deliveries_due" in plan for plan in plans) >= 2
            connection.exec_driver_sql("ANALYZE deliveries")


def test_what_an_admin_wants_sent_is_found_by_its_index_whatever_the_statistics(app: Flask) -> None:
    if db.engine.dialect.name != "sqlite":
        pytest.skip("PostgreSQL has no statistics that fit this")
    make_webhook()
    make_event()
    sizes = {"ix_deliveries_due": "1000 1000 1 1", "ix_deliveries_webhook": "1000000 1000000 1"}
    with db.engine.connect() as connection:
        connection.exec_driver_sql("ANALYZE")
        connection.exec_driver_sql("DELETE FROM sqlite_stat1")
        for name, numbers in sizes.items():
            connection.exec_driver_sql("INSERT INTO sqlite_stat1 VALUES ('deliveries', ?, ?)", (name, numbers))
        connection.exec_driver_sql("ANALYZE sqlite_schema")  # reads the statistics again
        query = f"EXPLAIN QUERY PLAN SELECT 1 FROM deliveries WHERE {FORCED_AND_DUE}"
        plan = str(connection.exec_driver_sql(query, {"now": "2026-01-01"}).all())
        connection.rollback()
    assert "ix_deliveries_forced" in plan


def test_a_look_says_when_the_next_lease_ends_but_not_when_a_retry_is_due(app: Flask) -> None:
    make_webhook()
    make_event()
    claim_all()
    with db.engine.connect() as connection:
        waits = look(connection, utcnow()).waits_seconds
    assert waits is not None
    assert LEASE_SECONDS - 2 < waits <= LEASE_SECONDS
    with write_transaction() as connection:
        connection.exec_driver_sql("UPDATE deliveries SET lease_token = NULL")
        assert look(connection, utcnow()).waits_seconds is None


def test_bodies_that_are_not_claimed_are_not_read_into_memory(app: Flask) -> None:
    if db.engine.dialect.name != "sqlite":
        pytest.skip("the server of PostgreSQL has its own memory")
    make_webhook()
    for _ in range(40):
        publish("production", [NewEvent("license.activated", {"x": "y" * 250_000})])
    most = ctypes.CDLL(_sqlite3.__file__).sqlite3_memory_highwater
    most.restype = ctypes.c_longlong
    db.engine.dispose()  # with the pages that publishing has read
    most(1)  # counts anew
    assert len(claim_all(large_bytes=1)) == 1
    assert most(0) < 4 * 2**20  # all 40 have 10 MB
