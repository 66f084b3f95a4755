"""Saved filters on both databases."""

import pytest
from flask import Flask

from tests.support.both_databases import database_url  # noqa: F401
from tests.support.factories import make_user
from webhooks_ui.database import db, writing
from webhooks_ui.models import FilteredList, SavedFilter
from webhooks_ui.people import saved_filters


def test_they_are_sorted_by_name_and_replaced_by_the_same_name(app: Flask) -> None:
    user = make_user()
    user_id = user.id
    with writing():
        for name, shared in (("beta", False), ("Alpha", True), ("beta", True)):
            saved_filters.save(user_id, FilteredList.DELIVERIES, name, {"status": name}, shared, replace=True)
        saved_filters.save(user_id, FilteredList.WEBHOOKS, "beta", {}, False)
    found = saved_filters.of(db.session.merge(user), FilteredList.DELIVERIES)
    assert [(each.name, each.query, each.is_shared) for each in found] == [
        ("Alpha", {"status": "Alpha"}, True),
        ("beta", {"status": "beta"}, True),
    ]


def test_nothing_is_stored_if_it_is_refused(app: Flask) -> None:
    user_id = make_user().id
    with pytest.raises(saved_filters.Refused), writing():
        saved_filters.save(user_id, FilteredList.DELIVERIES, "", {}, False)
    assert db.session.scalars(db.select(SavedFilter)).all() == []


def test_a_name_that_is_taken_is_told_with_whether_others_use_it(app: Flask) -> None:
    user_id, list_ = make_user().id, FilteredList.DELIVERIES
    with writing():
        saved_filters.save(user_id, list_, "Failed", {"status": "failed"}, True)
    with pytest.raises(saved_filters.Taken) as taken, writing():
        saved_filters.save(user_id, list_, "Failed", {}, False)
    assert taken.value.is_shared
    db.session.rollback()
    assert db.session.scalars(db.select(SavedFilter.query)).all() == [{"status": "failed"}]


@pytest.mark.parametrize("part", ["Österreich", "österreich", "O\N{COMBINING DIAERESIS}sterreich"])
def test_they_are_found_by_a_part_of_their_names_in_any_case(app: Flask, part: str) -> None:
    user, other = make_user(), make_user("other@example.com")
    with writing():
        saved_filters.save(user.id, FilteredList.DELIVERIES, "100 % in Österreich", {}, False)
        saved_filters.save(user.id, FilteredList.WEBHOOKS, "1000 elsewhere", {}, False)
        saved_filters.save(other.id, FilteredList.WEBHOOKS, "Aus Österreich", {}, True)
        saved_filters.save(other.id, FilteredList.WEBHOOKS, "Nur meins: Österreich", {}, False)
    user = db.session.merge(user)
    assert [each.name for each in saved_filters.named(user, part, 5)] == ["100 % in Österreich", "Aus Österreich"]
    assert [each.name for each in saved_filters.named(user, part, 1)] == ["100 % in Österreich"]
    assert [each.name for each in saved_filters.named(user, "100 %", 5)] == ["100 % in Österreich"]
