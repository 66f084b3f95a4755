"""Events and deliveries are found by the keys in their data, on both databases."""

from typing import Any

import pytest

from jobs.chores.index_keys import index_keys
from jobs.chores.purge import purge
from jobs.publish import publish
from tests.support.both_databases import database_url
from tests.support.factories import make_webhook
from webhooks_ui.database import db
from webhooks_ui.deliveries import keyed
from webhooks_ui.deliveries.filters import DeliveryFilters
from webhooks_ui.deliveries.keyed import newest_events, searchable_since
from webhooks_ui.deliveries.pages import find_page
from webhooks_ui.events.keys import split
from webhooks_ui.events.new_event import NewEvent
from webhooks_ui.models import Delivery, Event, EventKey, FreshKeys, Setting

__all__ = ["database_url"]  # a fixture

pytestmark = pytest.mark.usefixtures("app")


def happen(**data: Any) -> str:
    """Publish an event with this data. Return its id."""
    id = publish("production", [NewEvent("license.activated", data)])[0].id
    db.session.rollback()
    return id


def found(text: str, **filters: str) -> list[str]:
    page = find_page(DeliveryFilters(q=text).with_(**filters))
    return [delivery.event.public_id for delivery in page.deliveries]


def fresh() -> list[str]:
    """Return the keys of new events that are not indexed yet."""
    db.session.rollback()
    return [key for text in db.session.scalars(db.select(FreshKeys.keys)) for key in split(text)]


def indexed() -> list[str]:
    db.session.rollback()
    return list(db.session.scalars(db.select(EventKey.value)))


def keys() -> list[str]:
    return sorted(fresh() + indexed())


def forget_keys() -> None:
    """Make the database as it was before keys were stored."""
    db.session.rollback()
    for table in (FreshKeys, EventKey, Setting):
        db.session.execute(db.delete(table))
    db.session.commit()


def test_a_delivery_is_found_by_a_whole_key_and_by_its_beginning_in_any_case() -> None:
    make_webhook()
    first = happen(license_key="ATLAS-7F3K-9Q2M", customer={"email": "Ada@Example.com"})
    second = happen(license_key="ATLAS-7F3K-0000", customer={"email": "bob@example.com"})
    assert found("atlas-7f3k-9q2m") == found("ada@example.com") == found("ADA@") == [first]
    assert found("ATLAS-7F3K") == [second, first]
    assert found("TLAS-7F3K") == found("7f") == []


def test_it_works_together_with_filters_and_other_texts() -> None:
    make_webhook(name="ada@example.com's shop")
    first = happen(customer={"email": "ada@example.com"})
    other = happen(customer={"email": "bob@example.com"})
    assert found("ada@example.com") == [other, first]  # all deliveries of the webhook with that name
    assert found("bob@example.com", status="pending") == [other]
    assert found("bob@example.com", status="delivered") == []
    assert found("bob@example.com", environment="staging") == []


def test_a_key_of_very_many_events_is_looked_for_row_by_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyed, "KEYS_MAX", 2)
    make_webhook()
    happen(product={"id": "other"})
    ids = [happen(product={"id": "p-100"}) for _ in range(4)]
    assert found("p-100") == ids[::-1]


def test_events_with_several_keys_of_the_same_beginning_are_all_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyed, "KEYS_MAX", 5)
    make_webhook()
    ids = [happen(license_key=f"AB-{number}", identifier=f"ab-{number}-host") for number in range(4)]
    assert found("ab-") == ids[::-1]


def test_the_beginning_of_very_many_ids_finds_all_of_them() -> None:
    make_webhook()
    happen(license_key="OTHER")
    events = [NewEvent("license.activated", {}, id=f"order-{number:03}") for number in range(60)]
    publish("production", events)
    db.session.rollback()
    newest = [event.id for event in events[::-1]]
    filters = DeliveryFilters(q="order-")
    first = find_page(filters, rows=50)
    assert first.next
    rest = find_page(filters, first.next, rows=50)
    assert [delivery.event.public_id for delivery in (*first.deliveries, *rest.deliveries)] == newest
    assert found("order-05") == newest[:10]
    assert found("order-", status="delivered") == []


def test_an_event_without_deliveries_is_found_in_the_palette_only() -> None:
    id = happen(license_key="LONELY-1")
    assert found("lonely-1") == []
    assert [event.public_id for event in newest_events("lonely", 5)] == [id]
    assert [event.public_id for event in newest_events(id, 5)] == [id]
    assert newest_events("lo", 5) == []


def test_the_newest_events_come_first() -> None:
    ids = [happen(license_key="SAME-KEY") for _ in range(4)]
    assert [event.public_id for event in newest_events("same-key", 3)] == ids[:0:-1]


def test_a_known_event_that_comes_again_has_its_keys_once() -> None:
    event = NewEvent("license.activated", {"license_key": "AGAIN"}, id="evt_again")
    for _ in range(2):
        publish("production", [event, event])
    assert keys() == ["again"]


def test_old_events_are_indexed_in_batches_and_pages_say_since_when(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.chores.index_keys.BATCH_EVENTS", 2)
    monkeypatch.setattr("jobs.chores.turn.TURN_SECONDS", 0)
    make_webhook()
    ids = [happen(license_key=f"OLD-{number}") for number in range(5)]
    forget_keys()
    assert found("old-") == []
    newest = db.session.scalars(db.select(Event).filter_by(public_id=ids[-1])).one().created_at
    index_keys()
    assert keys() == ["old-3", "old-4"]
    since = searchable_since()
    assert since is not None
    assert since < newest
    for _ in range(3):
        index_keys()
    assert found("old-") == ids[::-1]
    assert searchable_since() is None
    index_keys()
    assert len(keys()) == 5


def test_an_older_event_whose_body_cannot_be_read_holds_up_no_others(caplog: pytest.LogCaptureFixture) -> None:
    make_webhook()
    for number in range(4):
        happen(license_key=f"OLD-{number}")
    forget_keys()
    bodies = b"\xff", b'{"data":1,"data":2}', b"[]"
    for event, body in zip(db.session.scalars(db.select(Event).order_by(Event.id.desc())).all(), bodies, strict=False):
        event.body = body
    db.session.commit()
    index_keys()
    index_keys()
    assert keys() == ["old-0"]
    assert len([entry for entry in caplog.records if "can't be read" in entry.message]) == 3


def test_events_that_are_indexed_already_stay_so() -> None:
    happen(license_key="NEW-1")
    index_keys()
    index_keys()
    assert keys() == ["new-1"]
    assert searchable_since() is None


def test_a_purge_deletes_the_keys_of_the_events_that_it_deletes() -> None:
    make_webhook()
    happen(license_key="OLD")
    happen(license_key="WAITING")
    first = db.session.scalars(db.select(Delivery).order_by(Delivery.id)).first()
    assert first is not None
    first.status = "delivered"
    db.session.commit()
    db.session.rollback()
    purge(0)
    assert keys() == ["waiting"]


def test_new_events_are_found_in_the_same_way_before_and_after_they_are_indexed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make_webhook()
    ids = [happen(license_key=f"AB-{number}", email="100%_Ada@example.com") for number in range(3)]
    happen(license_key="XAB-1", email="100xxada@example.com")
    for most in (1_000, 1):  # with 1, the deliveries are looked for row by row
        monkeypatch.setattr(keyed, "KEYS_MAX", most)
        assert not indexed()
        assert (found("ab-"), found("AB-1")) == (ids[::-1], [ids[1]])
        assert found("100%_ada@example.com") == ids[::-1]
        assert (found("b-1"), found("_ada@"), found("ab-1x")) == ([], [], [])
        assert [event.public_id for event in newest_events("ab-1", 5)] == [ids[1]]
    index_keys()
    assert not fresh()
    for most in (1_000, 1):
        monkeypatch.setattr(keyed, "KEYS_MAX", most)
        assert (found("ab-"), found("AB-1")) == (ids[::-1], [ids[1]])
        assert found("100%_ada@example.com") == ids[::-1]
        assert [event.public_id for event in newest_events("ab-1", 5)] == [ids[1]]


def test_indexed_and_new_events_are_found_together(monkeypatch: pytest.MonkeyPatch) -> None:
    make_webhook()
    first = happen(license_key="SAME-KEY")
    index_keys()
    other, second = happen(license_key="OTHER"), happen(license_key="SAME-KEY")
    for most in (1_000, 1):
        monkeypatch.setattr(keyed, "KEYS_MAX", most)
        assert found("same-key") == found("same") == [second, first]
    assert [event.public_id for event in newest_events("same", 5)] == [second, first]
    assert [event.public_id for event in newest_events("same-key", 1)] == [second]
    assert found("other") == [other]


def test_new_events_are_indexed_once_in_any_number_of_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.chores.index_keys.BATCH_EVENTS", 2)
    for number in range(5):
        happen(license_key=f"KEY-{number}", email="ada@example.com")
    happen(nothing="that is a key")
    assert searchable_since() is None
    index_keys()
    assert not fresh()
    assert sorted(indexed()) == 5 * ["ada@example.com"] + [f"key-{number}" for number in range(5)]


def test_keys_that_a_chore_has_not_come_to_are_indexed_before_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first run reads older events from the newest one on. It may meet some whose keys are new ones, too."""
    monkeypatch.setattr("jobs.chores.turn.TURN_SECONDS", 0)
    monkeypatch.setattr("jobs.chores.index_keys.BATCH_EVENTS", 2)
    for number in range(5):
        happen(license_key=f"KEY-{number}")
    for _ in range(4):
        index_keys()
    assert not fresh()
    assert sorted(indexed()) == [f"key-{number}" for number in range(5)]


def test_a_purge_deletes_keys_that_are_not_indexed_and_those_that_are() -> None:
    happen(license_key="INDEXED")
    index_keys()
    happen(license_key="NEW")
    assert keys() == ["indexed", "new"]
    purge(0)
    assert keys() == []
    happen(license_key="AFTER")  # SQLite may give it the id of one that was purged
    assert keys() == ["after"]
