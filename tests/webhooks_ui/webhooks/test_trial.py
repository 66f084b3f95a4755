"""A filter is tried on the last events of its types, also if many other events came after them."""

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import insert
from sqlalchemy.event import listen, remove

from tests.support.factories import make_event
from webhooks_ui.database import db
from webhooks_ui.events.conditions import Condition, Filter, Match, Operator
from webhooks_ui.models import Event
from webhooks_ui.webhooks import trial

FAILED = ["activation.failed"]
LIMIT = Filter(Match.ALL, (Condition("reason.code", Operator.EQUALS, "limit_reached"),))


@pytest.fixture(autouse=True)
def in_app(app: Flask) -> Iterator[None]:
    with app.test_request_context():
        yield


def make_failures(*codes: str) -> None:
    for code in codes:
        make_event(type="activation.failed", data={"reason": {"code": code}})


def make_others(count: int) -> None:
    """Store events of another type."""
    event = {"type": "license.activated", "environment": "production", "body": b'{"data":{}}'}
    rows = [event | {"public_id": f"evt_other_{number}"} for number in range(count)]
    db.session.execute(insert(Event), rows)
    db.session.commit()


def summary(environment: str = "production", event_types: list[str] = FAILED) -> str:
    return trial.try_filter(LIMIT, environment, event_types).summary


def test_an_event_before_thousands_of_others_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "SEARCH_SECONDS", 60)
    make_failures("limit_reached")
    make_others(5_400)
    assert summary() == "The last event would be sent."


def test_the_last_fifty_are_collected_over_several_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "STEP_EVENTS", 7)
    monkeypatch.setattr(trial, "SEARCH_SECONDS", 60)
    make_failures("limit_reached", *["other"] * 30)
    make_others(20)
    make_failures(*["limit_reached"] * 19, "other")
    assert summary() == "19 of the last 50 events would be sent."
    assert summary("staging").startswith("None of these events has happened lately. Their example would ")


@pytest.mark.parametrize(
    ("codes", "sentence"),
    [
        ([], "None of these events is among the last 20. Their example would be sent."),
        (["limit_reached"], "Among the last 20 events is one of these types. It would be sent."),
        (["other"], "Among the last 20 events is one of these types. It would not be sent."),
        (["limit_reached", "other"], "Among the last 20 events are 2 of these types. 1 of them would be sent."),
    ],
)
def test_where_the_search_ended_early_the_summary_says_among_how_many(
    monkeypatch: pytest.MonkeyPatch, codes: list[str], sentence: str
) -> None:
    monkeypatch.setattr(trial, "STEP_EVENTS", 10)
    monkeypatch.setattr(trial, "SEARCHED_MAX", 20)
    monkeypatch.setattr(trial, "SEARCH_SECONDS", 60)
    make_failures("limit_reached")
    make_others(25)
    make_failures(*codes)
    assert summary() == sentence


def test_a_search_ends_after_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "STEP_EVENTS", 10)
    monkeypatch.setattr(trial, "SEARCH_SECONDS", 0)
    make_failures("limit_reached")
    make_others(25)
    assert summary().startswith("None of these events is among the last 10.")


def test_without_types_nothing_is_searched() -> None:
    make_failures("limit_reached")
    assert summary(event_types=[]) == "Choose events above to try the conditions on them."


def test_only_the_events_of_a_step_are_read() -> None:
    statements: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        statements.append((statement, parameters))

    make_others(1)
    listen(db.engine, "before_cursor_execute", note)
    try:
        summary()
    finally:
        remove(db.engine, "before_cursor_execute", note)
    (read,) = [(statement, values) for statement, values in statements if "events.body" in statement]
    rows = db.session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {read[0]}", read[1]).all()
    plan = " ".join(str(row) for row in rows)
    assert "environment=" not in plan
    assert "PRIMARY KEY" in plan
