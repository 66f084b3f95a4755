"""The leases of one run of the drain: what it renews, loses and gives back."""

import time
from datetime import timedelta

import pytest
import time_machine
from flask import Flask

from jobs.claim import LEASE_SECONDS, Claimed, Claims
from jobs.drain.leases import REFRESH_SECONDS, Leases
from jobs.drain.sending import Sending, sending_of
from jobs.look import look
from tests.support.factories import make_event, make_webhook
from webhooks_ui.database import db, write_transaction
from webhooks_ui.models import Delivery, Webhook, utcnow


@pytest.fixture
def sending(app: Flask) -> Sending:
    """Return the sending thread of a worker. It may start no request, so all that it gets stays queued."""
    found = sending_of(app)
    found.send_until(0)
    return found


def lease(leases: Leases) -> list[Claimed]:
    """Lease all that is due."""
    db.session.rollback()
    now = utcnow()
    with write_transaction() as connection:
        return Claims(connection, now, leases.token, 10, 10**9).take(look(connection, now).open, 10)


def hold(sending: Sending, leases: Leases) -> list[Claimed]:
    """Lease all that is due, and queue it."""
    began = time.monotonic()
    claimed = lease(leases)
    leases.take([delivery.id for delivery in claimed], began)
    sending.add(claimed)
    return claimed


def renew(leases: Leases, after_seconds: float) -> None:
    """Renew the leases as if so many seconds had passed since they began."""
    with write_transaction() as connection:
        leases.renew(connection, time.monotonic() + after_seconds, utcnow())


def stored(delivery: Claimed) -> Delivery:
    db.session.rollback()
    return db.session.get_one(Delivery, delivery.id)


def test_what_another_worker_holds_by_now_does_not_go_out(sending: Sending) -> None:
    make_webhook()
    make_event()
    make_event()
    leases = Leases(sending)
    lost, kept = hold(sending, leases)
    with write_transaction() as connection:
        connection.execute(db.update(Delivery).where(Delivery.id == lost.id).values(lease_token="another"))
    renew(leases, REFRESH_SECONDS)
    assert list(leases.held) == [kept.id]
    assert sending.slots.drop_queue() == [kept]
    assert stored(lost).lease_token == "another"


def test_what_is_queued_for_a_webhook_that_was_switched_off_is_given_back(sending: Sending) -> None:
    webhook = make_webhook()
    make_event()
    leases = Leases(sending)
    (delivery,) = hold(sending, leases)
    with write_transaction() as connection:
        connection.execute(db.update(Webhook).where(Webhook.id == webhook.id).values(active=False))
    renew(leases, 0)
    assert not leases.held
    assert sending.slots.drop_queue() == []
    found = stored(delivery)
    assert found.lease_token is None
    assert found.due_at is not None
    assert found.due_at <= utcnow()


def test_what_came_by_the_express_lane_is_not_held_any_more_once_it_is_given_back(sending: Sending) -> None:
    make_webhook()
    make_event()
    leases = Leases(sending)
    (delivery,) = lease(leases)
    sending.offer([delivery], time.monotonic(), utcnow(), until=0)
    with write_transaction() as connection:
        leases.give_back(connection, utcnow())
    _, (arrived,), _ = sending.receive(0)
    assert arrived.ids == []
    assert stored(delivery).lease_token is None


@pytest.mark.parametrize(("after_seconds", "is_renewed"), [(REFRESH_SECONDS / 2, False), (REFRESH_SECONDS, True)])
def test_only_a_lease_that_is_no_longer_young_is_renewed(
    sending: Sending, after_seconds: float, is_renewed: bool
) -> None:
    make_webhook()
    make_event()
    leases = Leases(sending)
    (delivery,) = hold(sending, leases)
    before = stored(delivery).due_at
    with time_machine.travel(utcnow() + timedelta(seconds=after_seconds)):
        renew(leases, after_seconds)
    assert (stored(delivery).due_at != before) == is_renewed


@pytest.mark.parametrize("jump", [timedelta(hours=1), -timedelta(hours=1)])
def test_a_clock_that_jumps_renews_all_leases_at_once(sending: Sending, jump: timedelta) -> None:
    make_webhook()
    make_event()
    leases = Leases(sending)
    (delivery,) = hold(sending, leases)
    assert not leases.must_be_renewed
    with time_machine.travel(utcnow() + jump):
        assert leases.must_be_renewed
        renew(leases, 0)
        due_at = stored(delivery).due_at
        assert due_at is not None
        assert timedelta() < due_at - utcnow() <= timedelta(seconds=LEASE_SECONDS)
