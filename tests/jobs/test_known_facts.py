"""A publication may rest on what a process remembers. Each change holds from the next publication on."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import update

from jobs.publish import publish
from jobs.store import FactChanged, Publication, Stored, store
from tests.jobs.test_group import activated, published, together
from tests.support.factories import make_api_key, make_webhook
from webhooks_ui.api import known_keys
from webhooks_ui.database import db, dialect, write_transaction
from webhooks_ui.database.facts import Fact
from webhooks_ui.events.conditions import Condition, Filter, Match, Operator
from webhooks_ui.events.new_event import NewEvent
from webhooks_ui.models import ApiKey, Delivery, Event, Subscription, Webhook, utcnow
from webhooks_ui.models.api_key import digest
from webhooks_ui.webhooks import known_subscribers
from webhooks_ui.webhooks.known_subscribers import KnownSubscribers

NOBODY = Filter(Match.ALL, (Condition("id", Operator.EQUALS, "2"),)).as_json()


def deliveries() -> int:
    (result,) = publish("production", [NewEvent("license.activated", {"id": "1"})])
    assert db.session.scalar(db.select(db.func.count(Delivery.id)).join(Event).where(Event.public_id == result.id)) == (
        result.deliveries
    )
    db.session.rollback()
    return result.deliveries


def change(model: Any, **values: Any) -> Callable[[], None]:
    """Return a function that changes all rows, as another process would."""

    def apply() -> None:
        with write_transaction() as connection:
            connection.execute(update(model).values(**values))

    return apply


def subscribe_another() -> None:
    make_webhook()


def unsubscribe() -> None:
    with write_transaction() as connection:
        connection.execute(Subscription.__table__.delete())


def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list to which each type is added whose subscribers are read."""
    found: list[str] = []
    read = KnownSubscribers._read

    def noted(self: KnownSubscribers, connection: Any, environment: str, type: str, now: Any) -> Any:
        found.append(type)
        return read(self, connection, environment, type, now)

    monkeypatch.setattr(KnownSubscribers, "_read", noted)
    return found


@pytest.mark.parametrize(
    ("apply", "expected"),
    [
        (change(Webhook, active=False), 0),
        (change(Webhook, deleted_at=utcnow()), 0),
        (change(Webhook, filter=NOBODY), 0),
        (change(Webhook, environment="staging"), 0),
        (unsubscribe, 0),
        (subscribe_another, 2),
        (change(Webhook, in_order=True), 1),
        (change(Webhook, version=7), 1),
        (change(Webhook, consecutive_failures=1), 1),
    ],
)
def test_a_change_of_webhooks_holds_from_the_next_publication_on(
    app: Flask, monkeypatch: pytest.MonkeyPatch, apply: Callable[[], None], expected: int
) -> None:
    monkeypatch.setattr(known_subscribers, "PAUSE_SECONDS", 0)
    make_webhook()
    found = reads(monkeypatch)
    deliveries()
    before = [deliveries() for _ in range(3)]
    is_remembered = dialect(db.engine).HAS_ROUND_TRIPS
    assert len(found) <= 2 * is_remembered, "the first delivery is a backlog for the second one"
    db.session.rollback()
    apply()
    assert before == [1] * 3
    assert [deliveries() for _ in range(3)] == [expected] * 3
    assert bool(found) == is_remembered


def test_after_a_while_what_has_changed_is_remembered_again(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    if not dialect(db.engine).HAS_ROUND_TRIPS:
        pytest.skip("SQLite reads each time")
    monkeypatch.setattr(known_subscribers, "PAUSE_SECONDS", 0)
    make_webhook(active=False)
    found = reads(monkeypatch)
    assert [deliveries() for _ in range(3)] == [0] * 3
    change(Webhook, active=True)()
    assert deliveries() == 1
    deliveries()
    assert [deliveries() for _ in range(3)] == [1] * 3
    assert len(found) == 3, "once at first, once after the change, and once because of the backlog"


def test_no_more_than_so_many_types_are_remembered(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known_subscribers, "TYPES_MAX", 2)
    memory = KnownSubscribers()
    with db.engine.connect() as connection:
        for type in ("a", "b", "c"):
            assert memory.of(connection, "production", [type], utcnow()) == ({type: []}, [])
            assert len(memory.of(connection, "production", [type], utcnow())[1]) == 1
    assert len(memory._known) == 1


def test_a_type_with_very_many_subscribers_is_not_remembered(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known_subscribers, "SUBSCRIBERS_MAX", 1)
    memory = KnownSubscribers()

    def facts() -> int:
        db.session.rollback()
        with db.engine.connect() as connection:
            return len(memory.of(connection, "production", ["license.activated"], utcnow())[1])

    make_webhook()
    assert [facts(), facts()] == [0, 1]
    memory.forget()
    monkeypatch.setattr(memory, "_paused_until", 0)
    make_webhook()
    assert [facts(), facts()] == [0, 0]


def fact_of(text: str) -> Fact:
    found = known_keys.find(digest(text))
    assert found
    return found.fact


def test_of_a_group_only_those_are_stored_whose_key_is_as_before(app: Flask) -> None:
    make_webhook()
    (one, first), (_, second) = make_api_key("One"), make_api_key("Two")
    facts = [fact_of(first), fact_of(second)]
    one_id = one.id
    db.session.rollback()
    with write_transaction() as connection:
        connection.execute(update(ApiKey).where(ApiKey.id == one_id).values(revoked_at=utcnow()))
    answers = together(
        app,
        published("production", activated("first")),
        lambda: publish("production", [activated("a")], fact=facts[0]),
        lambda: publish("production", [activated("b")], fact=facts[1]),
        lambda: publish("production", [activated("c"), activated("d")], fact=facts[0]),
        published("production", activated("e")),
    )
    assert [isinstance(answer, FactChanged) for answer in answers] == [False, True, False, True, False]
    stored = db.session.scalars(db.select(Event.public_id).order_by(Event.public_id)).all()
    assert stored == ["b", "e", "first"]


def test_if_all_of_a_group_have_changed_nothing_is_stored(app: Flask) -> None:
    fact = fact_of(make_api_key()[1])
    db.session.rollback()
    change(ApiKey, scopes=[])()
    publications = [Publication("production", [activated(id)], fact=fact) for id in "ab"]
    with write_transaction() as connection:
        became = store(connection, publications)
    assert [type(each) for each in became] == [FactChanged] * 2
    assert not db.session.scalar(db.select(Event.id))


def test_what_the_last_use_of_a_key_changes_is_no_change(app: Flask) -> None:
    fact = fact_of(make_api_key()[1])
    db.session.rollback()
    change(ApiKey, last_used_at=utcnow(), last_used_from="192.0.2.1", older_used_at=utcnow())()
    with write_transaction() as connection:
        (became,) = store(connection, [Publication("production", [activated("a")], fact=fact)])
    assert isinstance(became, Stored)
