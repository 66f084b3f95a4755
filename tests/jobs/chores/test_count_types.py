"""The chore that counts the events of each type in each hour, against the events themselves."""

from collections import Counter
from datetime import datetime, timedelta

import pytest
import time_machine
from flask import Flask
from sqlalchemy import delete, func, select, update

from jobs.chores import count_types as chore
from jobs.chores import turn
from jobs.chores.count_types import count_types
from tests.support.factories import make_event, make_webhook
from webhooks_ui.database import db, release, write_transaction
from webhooks_ui.deliveries import by_type
from webhooks_ui.models import Event, EventKey, FreshKeys, Setting, TypeTotal, utcnow
from webhooks_ui.webhooks.stats import RANGES

pytestmark = pytest.mark.usefixtures("app")

MINUTES = timedelta(minutes=2)


def publish(ago: timedelta, *types: str, environment: str = "production") -> None:
    with time_machine.travel(utcnow() - ago):
        for name in types:
            make_event(name, environment)


def truth() -> Counter[tuple[datetime, str, str, int]]:
    """Return how many events of each hour, environment, type and number of deliveries are stored."""
    db.session.rollback()
    found: Counter[tuple[datetime, str, str, int]] = Counter()
    columns = Event.created_at, Event.environment, Event.type, Event.deliveries_count
    for at, environment, name, made in db.session.execute(select(*columns)):
        found[at.replace(minute=0, second=0, microsecond=0), environment, name, made] += 1
    return found


def counted() -> dict[tuple[datetime, str, str], tuple[int, int]]:
    db.session.rollback()
    rows = db.session.scalars(select(TypeTotal))
    return {(row.hour, row.environment, row.type): (row.events, row.deliveries) for row in rows}


def expected() -> dict[tuple[datetime, str, str], tuple[int, int]]:
    sums: dict[tuple[datetime, str, str], tuple[int, int]] = {}
    for (hour, environment, name, made), count in truth().items():
        events, deliveries = sums.get((hour, environment, name), (0, 0))
        sums[hour, environment, name] = events + count, deliveries + count * made
    return sums


def test_each_event_is_counted_once_whatever_the_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    make_webhook()
    make_webhook()
    make_webhook(event_types=["product.created"], environment="staging")
    monkeypatch.setattr(chore, "BATCH_EVENTS", 3)
    for hours in (30, 5, 5, 1):
        publish(timedelta(hours=hours), "license.activated", "license.activated", "product.created")
        publish(timedelta(hours=hours), "product.created", environment="staging")
    count_types()
    assert counted() == expected()
    publish(MINUTES, "license.activated", "contract.created")
    count_types()
    count_types()
    assert counted() == expected()
    assert sum(events for events, _ in counted().values()) == 18


def test_the_overview_has_the_sums_of_its_range() -> None:
    make_webhook()
    publish(timedelta(days=20), "license.activated")
    publish(timedelta(days=3), *["license.activated"] * 2)
    publish(timedelta(hours=1), "license.activated", "product.created")
    publish(timedelta(hours=1), *["product.created"] * 3, environment="staging")
    count_types()
    sums = {}
    for name, span in RANGES.items():
        types = by_type.count_types("", span.start(utcnow()))
        sums[name] = [(counts.type, counts.events, counts.deliveries) for counts in types.counts]
        assert types.counted_until is None
    assert sums["24h"] == [("product.created", 4, 0), ("license.activated", 1, 1)]
    assert sums["7d"] == [("product.created", 4, 0), ("license.activated", 3, 3)]
    assert sums["30d"] == [("license.activated", 4, 4), ("product.created", 4, 0)]
    staging = by_type.count_types("staging", RANGES["24h"].start(utcnow()))
    assert [(counts.type, counts.events) for counts in staging.counts] == [("product.created", 3)]


def test_the_overview_also_has_the_events_after_the_last_run() -> None:
    make_webhook()
    publish(timedelta(hours=1), "license.activated")
    count_types()
    publish(timedelta(0), "license.activated", "product.created")
    publish(timedelta(0), "license.activated", environment="staging")
    since = RANGES["24h"].start(utcnow())
    for _ in range(2):  # before the chore has counted them, and after that
        found = by_type.count_types("production", since).counts
        assert [(c.type, c.events, c.deliveries, c.pending) for c in found] == [
            ("license.activated", 2, 2, 2),
            ("product.created", 1, 0, 0),
        ]
        assert sum(counts.events for counts in by_type.count_types("", since).counts) == 4
        with time_machine.travel(utcnow() + MINUTES):
            count_types()


def test_what_was_just_published_waits_for_transactions_with_lower_ids() -> None:
    publish(timedelta(0), "license.activated")
    count_types()
    assert counted() == {}
    with time_machine.travel(utcnow() + MINUTES):
        count_types()
    assert counted() == expected()


def test_an_existing_database_is_counted_from_the_longest_range_on_and_says_how_far(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    publish(timedelta(days=60), "license.activated")
    publish(timedelta(days=10), *["license.created"] * 4)
    monkeypatch.setattr(chore, "BATCH_EVENTS", 2)
    monkeypatch.setattr(turn, "TURN_SECONDS", 0)
    count_types()
    since = RANGES["30d"].start(utcnow())
    types = by_type.count_types("", since)
    assert [(counts.type, counts.events) for counts in types.counts] == [("license.created", 2)]
    assert types.counted_until is not None
    for _ in range(3):
        count_types()
    types = by_type.count_types("", since)
    assert [(counts.type, counts.events) for counts in types.counts] == [("license.created", 4)]
    assert types.counted_until is None


def test_totals_stay_when_events_are_purged_and_go_when_no_range_shows_them() -> None:
    publish(timedelta(days=2), "license.activated")
    count_types()
    with write_transaction() as connection:
        connection.execute(delete(EventKey))
        connection.execute(delete(FreshKeys))
        connection.execute(delete(Event))
    count_types()
    assert [events for events, _ in counted().values()] == [1]
    with time_machine.travel(utcnow() + timedelta(days=40)):
        publish(MINUTES, "product.created")
        count_types()
    assert [name for _, _, name in counted()] == ["product.created"]


def test_two_schedulers_count_nothing_twice(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(timedelta(hours=1), "license.activated")
    count_types()
    publish(timedelta(minutes=30), "license.activated")

    def release_while_another_counts() -> None:
        release()
        monkeypatch.setattr(chore, "release", release)
        with app.app_context():
            count_types()

    monkeypatch.setattr(chore, "release", release_while_another_counts)
    count_types()
    assert counted() == expected()
    db.session.rollback()
    place = db.session.scalar(select(Setting.value).where(Setting.name == by_type.COUNTED_TO))
    assert place == db.session.scalar(select(func.max(Event.id)))


def test_events_from_a_clock_that_was_wrong_hold_up_no_others() -> None:
    publish(-timedelta(days=400), "license.created")
    publish(MINUTES, "license.updated")
    count_types()
    assert {type for _, _, type in counted()} == {"license.created", "license.updated"}


def test_what_is_counted_anew_counts_once_and_totals_of_purged_events_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    make_webhook()
    publish(timedelta(days=2), "product.created", "product.deleted")
    publish(timedelta(hours=3), *["license.activated"] * 3)
    publish(timedelta(hours=1), "license.activated")
    count_types()
    before = counted()
    with write_transaction() as connection:
        connection.execute(delete(FreshKeys))
        connection.execute(delete(Event).where(Event.type != "license.activated"))
        place = update(Setting).where(Setting.name == by_type.COUNTED_TO)
        connection.execute(place.values(value="a person wrote this"))
    monkeypatch.setattr(chore, "BATCH_EVENTS", 2)
    db.session.rollback()
    count_types()
    assert counted() == before
    assert sum(events for events, _ in before.values()) == 6
