"""The express lane: what was published just now goes to a worker that is awake, and nothing is lost if it doesn't."""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask
from redis import Redis, TimeoutError
from sqlalchemy.exc import OperationalError

from jobs import deliver
from jobs.claim import LEASE_SECONDS, SMALL_BODY_BYTES, Claimed, Claims
from jobs.drain import arrivals, sending
from jobs.express import DELIVERIES_MAX, LANE, Lanes, lanes_of
from jobs.publish import publish
from jobs.record import Recorded, record
from jobs.sweep import sweep
from tests.support.factories import make_event, make_webhook
from tests.support.receivers import OK, Receiver, receiving
from tests.support.stored import the_delivery
from tests.support.waiting import wait_for
from webhooks_ui.database import db, writing
from webhooks_ui.events.new_event import NewEvent
from webhooks_ui.models import Attempt, Delivery, Webhook, utcnow
from webhooks_ui.wake import CHANNEL, WAITING_KEY
from webhooks_ui.webhooks import changes


@pytest.fixture
def redis(app: Flask) -> Redis:
    redis: Redis = app.extensions["redis"]
    return redis


def lanes(redis: Redis) -> list[Any]:
    return redis.pubsub_channels(LANE + "*")


@contextmanager
def working(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Run a drain in a thread until the block ends."""
    monkeypatch.setattr(deliver, "LINGER_SECONDS", 60)
    monkeypatch.setattr(deliver, "stopping", threading.Event())

    def run() -> None:
        with app.app_context():
            deliver.deliver()
            db.session.remove()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        wait_for(lambda: lanes(app.extensions["redis"]), what="the drain listens")
        yield
    finally:
        deliver.stopping.set()
        app.extensions["redis"].publish("webhooks:wake", b"help")
        thread.join(10)
        assert not thread.is_alive()


@pytest.fixture
def worker(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A drain that listens."""
    with working(app, monkeypatch):
        yield


@pytest.fixture
def claims(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list that collects how many deliveries were claimed the usual way."""
    counts: list[int] = []
    genuine = Claims.take

    def counted(*arguments: Any) -> list[Claimed]:
        claimed = genuine(*arguments)
        counts.extend([1] * len(claimed))
        return claimed

    monkeypatch.setattr(Claims, "take", counted)
    return counts


def settled() -> bool:
    db.session.rollback()
    return not db.session.scalar(db.select(db.func.count()).where(Delivery.status != "delivered"))


def settled_or_swept() -> bool:
    """As ``settled``. On a busy machine a parcel may come so late that its deliveries wait for a sweep."""
    sweep()
    return settled()


def leased() -> list[bool]:
    db.session.rollback()
    return [token is not None for token in db.session.scalars(db.select(Delivery.lease_token).order_by(Delivery.id))]


def one(**data: Any) -> NewEvent:
    return NewEvent("license.activated", data)


def test_an_event_goes_to_a_worker_that_is_awake_without_a_claim(
    app: Flask, worker: None, receiver: Receiver, claims: list[int]
) -> None:
    make_webhook(url=receiver.url)
    event = make_event(data={"name": "Zoë"})
    wait_for(settled)
    (request,) = receiver.requests
    assert (request.body, request.headers["webhook-id"]) == (event.body, event.public_id)
    delivery = the_delivery()
    assert (delivery.attempts_count, delivery.lease_token, delivery.due_at) == (1, None, None)
    assert claims == []


def test_many_events_arrive_once_each(app: Flask, worker: None, receiver: Receiver) -> None:
    for n in range(3):
        make_webhook(name=f"Webhook {n}", url=receiver.url)
    for n in range(40):
        publish("production", [one(n=n)])
    wait_for(settled_or_swept)
    assert len(receiver.requests) == 120
    assert db.session.scalar(db.select(db.func.count(Attempt.id))) == 120


def test_a_failure_is_retried_as_ever(app: Flask, worker: None, receiver: Receiver) -> None:
    receiver.answers = [(500, {}, b"")]
    make_webhook(url=receiver.url)
    publish("production", [one()])
    wait_for(lambda: the_delivery().outcome)
    delivery = the_delivery()
    assert (delivery.status, delivery.attempts_count, delivery.lease_token) == ("pending", 1, None)
    assert delivery.due_at
    assert delivery.due_at > utcnow()


@pytest.mark.parametrize(
    "fields",
    [
        {"in_order": True},
        {"rate_limit": 5},
        {"consecutive_failures": 1},
        {"throttle_rate": 1.0, "throttled_until": datetime(2100, 1, 1, tzinfo=UTC)},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_a_webhook_that_something_holds_back_goes_the_usual_way(
    app: Flask, monkeypatch: pytest.MonkeyPatch, fields: dict[str, Any]
) -> None:
    monkeypatch.setattr(Lanes, "next", lambda self: "somebody")
    make_webhook(**fields)
    publish("production", [one()])
    assert leased() == [False]


def test_a_webhook_with_a_backlog_goes_the_usual_way(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    make_webhook()
    publish("production", [one()])
    monkeypatch.setattr(Lanes, "next", lambda self: "somebody")
    publish("production", [one()])
    assert leased() == [False, False]


def test_large_events_and_many_at_a_time_go_the_usual_way(
    app: Flask, monkeypatch: pytest.MonkeyPatch, redis: Redis
) -> None:
    monkeypatch.setattr(Lanes, "next", lambda self: "somebody")
    monkeypatch.setattr(Lanes, "send", lambda *arguments: True)
    make_webhook()
    publish("production", [one(text="x" * SMALL_BODY_BYTES), one()])
    assert leased() == [False, True]
    assert redis.get(WAITING_KEY), "nobody was woken for the large one"
    db.session.execute(db.delete(Delivery))
    db.session.commit()
    publish("production", [one() for _ in range(DELIVERIES_MAX + 1)])
    assert not any(leased())


def test_threads_that_hand_over_while_redis_hangs_wait_for_it_once(
    app: Flask, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[Any, ...]] = []
    lanes = lanes_of(app)
    assert not lanes.send("gone", utcnow(), [])

    def hang(_client: Redis, *arguments: Any, **_options: Any) -> None:
        asked.append(arguments)
        time.sleep(0.2)
        raise TimeoutError("no answer")

    monkeypatch.setattr(Redis, "_send_command_parse_response", hang)
    with ThreadPoolExecutor(5) as threads:
        handed = list(threads.map(lambda _: lanes.send("somebody", utcnow(), []), range(5)))
    assert handed == [False] * 5
    assert len(asked) == 2  # the first thread tries again once


def test_what_nobody_takes_is_due_at_once(app: Flask, redis: Redis, receiver: Receiver) -> None:
    """The worker has ended since this process asked who listens."""
    lanes_of(app)._tokens, lanes_of(app)._asked_at = ["gone"], float("inf")
    make_webhook(url=receiver.url)
    publish("production", [one()])
    assert leased() == [False]
    assert redis.get(WAITING_KEY)
    assert lanes_of(app).next() is None
    deliver.deliver()
    assert len(receiver.requests) == 1


def test_events_are_accepted_even_if_their_leases_cannot_be_given_back(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are committed already, and a publisher who is told otherwise would publish them again."""

    def fail(*arguments: object) -> None:
        raise OperationalError("UPDATE deliveries", None, sqlite3.OperationalError("database is locked"))

    lanes_of(app)._tokens, lanes_of(app)._asked_at = ["gone"], float("inf")
    monkeypatch.setattr("jobs.publish.release", fail)
    make_webhook()
    (published,) = publish("production", [one()])
    assert published.deliveries == 1
    assert leased() == [True]


def test_a_publishers_clock_may_be_ahead(
    app: Flask, worker: None, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clocks of two machines are never the same."""
    genuine = Lanes.send
    ahead = timedelta(seconds=2)
    monkeypatch.setattr(Lanes, "send", lambda lanes, lane, at, parcels: genuine(lanes, lane, at + ahead, parcels))
    make_webhook(url=receiver.url)
    publish("production", [one()])
    wait_for(settled, LEASE_SECONDS / 2, "it is delivered before its lease ends")


def test_what_the_lane_loses_is_due_when_its_lease_ends(
    app: Flask, worker: None, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every second message is lost."""
    genuine, sent = Lanes.send, [True]

    def send(*arguments: Any) -> bool:
        sent.append(not sent[-1])
        return not sent[-1] or genuine(*arguments)

    monkeypatch.setattr(Lanes, "send", send)
    make_webhook(url=receiver.url)
    for n in range(10):
        publish("production", [one(n=n)])
    lost = sent.count(False)
    assert lost
    wait_for(lambda: leased().count(True) == lost, what="what was not lost is delivered and recorded")
    db.session.rollback()
    with time_machine.travel(utcnow() + timedelta(seconds=LEASE_SECONDS), tick=True):
        sweep()
        wait_for(settled)
    assert sorted(receiver.ids) == sorted(set(receiver.ids))
    assert len(receiver.requests) == 10


def test_results_of_events_that_come_alone_share_a_transaction(
    app: Flask, worker: None, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    groups: list[int] = []

    def counted(*arguments: Any) -> list[Recorded]:
        groups.append(len(arguments[2]))
        return record(*arguments)

    monkeypatch.setattr(deliver, "record", counted)
    monkeypatch.setattr(sending, "GROUP_SECONDS", 2.0)
    make_webhook(url=receiver.url)
    for n in range(6):
        publish("production", [one(n=n)])
        wait_for(lambda: len(receiver.requests) == n + 1)  # noqa: B023 (it is called at once)
    wait_for(settled)
    assert (sum(groups), len(groups) <= 3) == (6, True)  # the first may come in the midst of a look


def test_a_clock_that_jumps_beyond_the_lease_sends_nothing_twice(app: Flask, worker: None, receiver: Receiver) -> None:
    receiver.respond = lambda request: time.sleep(1.0) or (200, {}, b"ok")  # type: ignore[func-returns-value]
    make_webhook(url=receiver.url)
    for n in range(3):
        publish("production", [one(n=n)])
    wait_for(lambda: len(receiver.requests) == 3)
    with time_machine.travel(utcnow() + timedelta(seconds=LEASE_SECONDS + 1), tick=True):
        sweep()
        wait_for(settled)
    assert len(receiver.requests) == 3


def test_a_busy_worker_listens_again_after_redis_refused_it_something(
    app: Flask, redis: Redis, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or publishers would hand it parcels that it doesn't hear, for as long as it is busy."""
    answers = threading.Event()
    with receiving() as slow, working(app, monkeypatch):
        slow.respond = lambda request: (answers.wait(8), OK)[1]
        make_webhook(url=slow.url, event_types=["license.created"])
        make_webhook(url=receiver.url, event_types=["license.activated"])
        publish("production", [NewEvent("license.created", {})])
        wait_for(lambda: slow.requests)
        redis.execute_command("ACL", "SETUSER", "default", "-del")  # type: ignore[no-untyped-call]
        try:
            redis.publish(CHANNEL, b"")
            wait_for(lambda: not lanes(redis), what="nobody counts on it")
        finally:
            redis.execute_command("ACL", "SETUSER", "default", "+del")  # type: ignore[no-untyped-call]
        wait_for(lambda: lanes(redis), what="it listens again")
        publish("production", [one()])
        wait_for(lambda: receiver.requests, LEASE_SECONDS / 2)
        answers.set()
        wait_for(settled)


def test_a_late_parcel_is_left_alone(
    app: Flask, worker: None, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrivals, "OLD_SECONDS", 0.0)
    make_webhook(url=receiver.url)
    publish("production", [one()])
    assert leased() == [True]
    assert receiver.requests == []


def change_url(webhook: Webhook, url: str) -> None:
    changes.edit(webhook, changes.fields_of(webhook) | {"url": url})


def change_secret(webhook: Webhook, url: str) -> None:
    change_url(webhook, url)
    changes.replace_secret(webhook, "whsec_" + "QUJD" * 8, 0)


@pytest.mark.parametrize("change", [change_url, change_secret])
def test_a_change_holds_from_the_next_event_on(
    app: Flask, worker: None, receiver: Receiver, change: Callable[[Webhook, str], None]
) -> None:
    webhook = make_webhook(url=receiver.url)
    publish("production", [one(n=1)])
    wait_for(settled)
    with writing():
        change(db.session.get_one(Webhook, webhook.id), f"{receiver.url}/new")
    publish("production", [one(n=2)])
    wait_for(settled)
    assert [request.path for request in receiver.requests] == ["/hook", "/hook/new"]


def test_what_is_too_much_for_a_webhook_is_given_back(
    app: Flask, worker: None, receiver: Receiver, claims: list[int]
) -> None:
    """A webhook that was never tried has few slots, and gets the rest of its events later."""
    release = threading.Event()
    receiver.respond = lambda request: (release.wait(10), (200, {}, b""))[1]
    make_webhook(url=receiver.url)
    for n in range(20):
        publish("production", [one(n=n)])
    wait_for(lambda: not all(leased()), what="some are given back")
    release.set()
    wait_for(settled)
    assert len(receiver.requests) == 20
    assert claims


def test_a_worker_that_stops_gives_back_what_it_has_not_sent(
    app: Flask, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, redis: Redis
) -> None:
    make_webhook(url=receiver.url)
    with working(app, monkeypatch):
        publish("production", [one(n=1)])
        wait_for(settled)
    assert lanes(redis) == []
    publish("production", [one(n=2)])
    assert leased() == [False, False]


def test_the_lane_can_be_switched_off(app: Flask, redis: Redis) -> None:
    channel: Any = redis.pubsub()  # type: ignore[no-untyped-call]
    channel.subscribe(LANE + "somebody")
    channel.get_message(timeout=1.0)
    assert Lanes(redis, is_on=True).next() == "somebody"
    assert Lanes(redis, is_on=False).next() is None
    channel.close()
