"""Publications that arrive together share a transaction, and each gets its own answer."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import pytest
from flask import Flask
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

import jobs.group
import jobs.store
from jobs.group import EVENTS_MAX, Groups, Waiting, groups_of
from jobs.publish import publish
from jobs.store import Became, OtherContent, Publication, Published, Stored, event_row, store
from tests.support.factories import make_webhook
from tests.support.waiting import wait_for
from webhooks_ui.database import db, kept_connections, write_transaction
from webhooks_ui.events.new_event import NewEvent
from webhooks_ui.models import Delivery, Event, Webhook, utcnow
from webhooks_ui.webhooks.known_subscribers import KnownSubscribers

Answer = list[Published] | BaseException
Publish = Callable[[], list[Published]]


def activated(id: str, **data: str) -> NewEvent:
    return NewEvent(type="license.activated", data={"id": "1"} | data, id=id)


@pytest.fixture
def sizes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of the groups that were stored or tried, in their order."""
    found: list[int] = []

    def counted(
        connection: Connection, publications: Sequence[Publication], memory: KnownSubscribers | None
    ) -> list[Became]:
        found.append(len(publications))
        return store(connection, publications, memory)

    monkeypatch.setattr(jobs.group, "store", counted)
    return found


@contextmanager
def nobody_commits() -> Iterator[None]:
    """Keep all others from storing events."""
    with write_transaction() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("LOCK TABLE events IN EXCLUSIVE MODE"))
        yield


def together(app: Flask, *publishes: Publish) -> list[Answer]:
    """Publish from a thread each, so that all but the first wait for each other. Return the answers in their order."""
    answers: list[Answer] = [[] for _ in publishes]
    groups = Groups(kept_connections(app), transactions=1)
    app.extensions["groups"] = groups
    arrived = threading.Semaphore(0)

    def run(place: int, work: Publish) -> None:
        with app.app_context():
            try:
                answers[place] = work()
            except BaseException as error:
                answers[place] = error
        arrived.release()

    threads = []
    with nobody_commits():
        for place, work in enumerate(publishes):
            threads.append(threading.Thread(target=run, args=(place, work)))
            threads[-1].start()
            wait_for(lambda wanted=place: len(groups._queue) == wanted and not groups._free, what="it waits")  # type: ignore[misc]
    for thread in threads:
        thread.join(20)
    return answers


def published(environment: str, *events: NewEvent) -> Publish:
    return lambda: publish(environment, events)


def test_what_arrives_while_another_commits_shares_the_next_transaction(app: Flask, sizes: list[int]) -> None:
    make_webhook()
    answers = together(app, *(published("production", activated(f"evt_{number}")) for number in range(5)))
    assert answers == [[Published(f"evt_{number}", 1)] for number in range(5)]
    assert sizes == [1, 4]
    assert db.session.scalar(db.select(db.func.count(Delivery.id))) == 5


def test_a_wrong_one_fails_alone(app: Flask, sizes: list[int]) -> None:
    publish("production", [activated("known")])
    answers = together(
        app,
        published("production", activated("first")),
        published("production", activated("a")),
        published("production", activated("b"), activated("known", other="content")),
        published("production", activated("c")),
    )
    assert [answers[0], answers[1], answers[3]] == [[Published(id, 0)] for id in ("first", "a", "c")]
    assert isinstance(answers[2], OtherContent)
    assert answers[2].index == 1
    assert sizes == [1, 1, 3, 1, 2, 1, 1]  # the first one is that of this test
    stored = db.session.scalars(db.select(Event.public_id).order_by(Event.public_id)).all()
    assert stored == ["a", "c", "first", "known"]


def test_one_wrong_publication_costs_its_group_few_transactions(app: Flask, sizes: list[int]) -> None:
    publish("production", [activated("known")])
    wrong = Publication("production", [activated("new"), activated("known", other="content")])
    right = [Publication("production", [activated(f"evt_{number}")]) for number in range(EVENTS_MAX - 2)]
    became = groups_of(app).commit([*right[:70], wrong, *right[70:]], lambda _committed: None)
    assert [type(each) for each in became] == [Stored] * 70 + [OtherContent] + [Stored] * (EVENTS_MAX - 72)
    assert len(sizes) < 20
    assert db.session.query(Event).count() == EVENTS_MAX - 1


def test_a_group_of_too_many_deliveries_takes_several_transactions(
    app: Flask, sizes: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs.store, "TRANSACTION_MAX_DELIVERIES", 4)
    for _ in range(2):
        make_webhook()
    events = [[activated("a")], [activated("b")], [activated(f"c{number}") for number in range(3)], [activated("d")]]
    became = groups_of(app).commit([Publication("production", own) for own in events], lambda _committed: None)
    assert [each.results for each in became if isinstance(each, Stored)] == [
        [Published(str(event.id), 2) for event in own] for own in events
    ]
    assert sizes == [4, 2, 2, 1, 1]
    assert db.session.query(Delivery).count() == 12


def test_environments_and_equal_ids_are_kept_apart(app: Flask) -> None:
    make_webhook()
    make_webhook(environment="staging")
    make_webhook(environment="staging")
    answers = together(
        app,
        published("production", activated("first")),
        published("production", activated("same")),
        published("staging", activated("same")),
        published("production", activated("same")),
    )
    assert answers[1:] == [[Published("same", 1)], [Published("same", 2)], [Published("same", 1)]]
    rows = db.session.execute(db.select(Delivery.environment).join(Webhook).where(Delivery.id > 1)).scalars().all()
    assert sorted(rows) == ["production", "staging", "staging"]


def test_of_two_with_the_same_id_and_other_content_the_first_one_counts(app: Flask) -> None:
    answers = together(
        app,
        published("production", activated("first")),
        published("production", activated("same")),
        published("production", activated("same", other="content")),
    )
    assert answers[1] == [Published("same", 0)]
    assert isinstance(answers[2], OtherContent)
    assert db.session.scalar(db.select(db.func.count(Event.id))) == 2


def test_a_small_one_waits_for_no_group_of_many_events(app: Flask, sizes: list[int]) -> None:
    many = [activated(f"many_{number}") for number in range(EVENTS_MAX)]
    answers = together(
        app,
        published("production", activated("first")),
        published("production", *many),
        published("production", activated("a")),
        published("production", activated("b")),
    )
    assert not [answer for answer in answers if isinstance(answer, BaseException)]
    assert sizes == [1, 1, 2]


def away(sizes: list[int]) -> Callable[..., None]:
    """Return what stands for ``store`` while the database is away. It adds the size of each group to ``sizes``."""

    def refuse(connection: Connection, publications: Sequence[Publication], memory: KnownSubscribers | None) -> None:
        store(connection, publications, memory)
        sizes.append(len(publications))
        cause: Exception = ConnectionError()
        if db.engine.dialect.name == "sqlite":
            import sqlite3

            cause = sqlite3.OperationalError("database is locked")
            cause.sqlite_errorcode = sqlite3.SQLITE_BUSY
        else:
            import psycopg

            cause = psycopg.OperationalError("the connection is lost")
        raise OperationalError("INSERT", None, cause)

    return refuse


def test_a_database_that_is_away_is_told_to_all_and_not_tried_for_each(
    app: Flask, monkeypatch: pytest.MonkeyPatch, sizes: list[int]
) -> None:
    def work(id: str) -> Publish:
        def run() -> list[Published]:
            monkeypatch.setattr(jobs.group, "store", away(sizes))
            return publish("production", [activated(id)])

        return run

    answers = together(app, *(work(id) for id in "abc"))
    assert [type(answer) for answer in answers[1:]] == [OperationalError] * 2
    assert len(sizes) <= 2
    monkeypatch.undo()
    assert publish("production", [activated("later")]) == [Published("later", 0)]  # the next one leads again


@pytest.mark.parametrize(("long_seconds", "tries"), [(0, 1), (60, 3)])
def test_those_who_have_waited_long_hear_of_an_outage_at_once(
    app: Flask, monkeypatch: pytest.MonkeyPatch, sizes: list[int], long_seconds: float, tries: int
) -> None:
    monkeypatch.setattr(jobs.group, "LONG_SECONDS", long_seconds)

    def work(name: str) -> Publish:
        def run() -> list[Published]:
            monkeypatch.setattr(jobs.group, "store", away(sizes))
            return publish("production", [activated(f"{name}_{number}") for number in range(EVENTS_MAX)])

        return run

    answers = together(app, *(work(name) for name in "abc"))
    assert [type(answer) for answer in answers] == [OperationalError] * 3
    assert len(sizes) == tries
    groups = app.extensions["groups"]
    assert (len(groups._queue), groups._free) == (0, 1)


@pytest.mark.parametrize("transactions", [1, 2, 3])
def test_many_threads_publish_each_event_once(app: Flask, transactions: int, monkeypatch: pytest.MonkeyPatch) -> None:
    make_webhook()
    each, errors = 25, []
    groups = app.extensions["groups"] = Groups(kept_connections(app), transactions)
    appoint = groups._appoint

    def appoint_late() -> Waiting:
        time.sleep(0.001)  # so that others come between, if they can
        return appoint()

    monkeypatch.setattr(groups, "_appoint", appoint_late)

    def run(name: int) -> None:
        with app.app_context():
            for number in range(each):
                try:
                    (result,) = publish("production", [activated(f"{name}_{number}")])
                    assert result == Published(f"{name}_{number}", 1)
                except BaseException as error:
                    errors.append(error)

    threads = [threading.Thread(target=run, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []
    assert db.session.scalar(db.select(db.func.count(Event.id))) == 8 * each
    assert db.session.scalar(db.select(db.func.count(Delivery.id))) == 8 * each
    assert (len(groups._queue), groups._free) == (0, transactions)


def test_a_deadlock_with_another_process_is_tried_again(app: Flask) -> None:
    """The other one has stored b, and waits for a. PostgreSQL then ends the transaction that waited first."""
    if db.engine.dialect.name == "sqlite":
        pytest.skip("SQLite has one writer at a time")
    answers: list[Answer] = []

    def run() -> None:
        with app.app_context():
            answers.append(publish("production", [activated("a"), activated("b")]))

    def insert(connection: Connection, id: str) -> None:
        connection.execute(Event.__table__.insert(), event_row(id, "production", activated(id), b"{}", utcnow(), 0))

    def waits() -> bool:
        with db.engine.connect() as connection:
            blocked = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
            return bool(connection.execute(blocked).scalar())

    with db.engine.connect().execution_options(writes=True) as other:
        insert(other, "b")
        thread = threading.Thread(target=run)
        thread.start()
        wait_for(waits, what="the publisher waits for b")
        insert(other, "a")
        other.rollback()
    thread.join(20)
    assert answers == [[Published("a", 0), Published("b", 0)]]


def test_what_conflicts_again_and_again_is_told_in_the_end(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    tried = []

    def conflict(*_: object) -> None:
        tried.append(True)
        raise OperationalError("INSERT", None, Exception("deadlock"))

    monkeypatch.setattr(jobs.group, "store", conflict)
    monkeypatch.setattr(jobs.group, "is_conflict", lambda _error: True)
    with pytest.raises(OperationalError):
        publish("production", [activated("evt")])
    assert len(tried) == jobs.group.TRIES
