"""Many rows are written with one statement and read with another, with values of every kind."""

import json
from collections.abc import Iterable
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import bindparam, update

from tests.support.both_databases import database_url
from tests.support.factories import make_event, make_webhook
from webhooks_ui.database import db, dialect, write_transaction
from webhooks_ui.database.family import Born, Children, Family
from webhooks_ui.database.sqlite import STATEMENT_ROWS
from webhooks_ui.database.statements import Query, add_many
from webhooks_ui.models import Attempt, Delivery, Event, EventKey, Stats, Webhook, utcnow

__all__ = ["database_url"]  # a fixture

COUNT = 2 * STATEMENT_ROWS + 1


@pytest.fixture
def deliveries(app: Flask) -> list[int]:
    """The ids of more deliveries than two statements take."""
    for number in range(COUNT // 3 + 1):
        make_webhook(name=f"Webhook {number}")
    for _ in range(3):
        make_event()
    ids = list(db.session.scalars(db.select(Delivery.id)))[:COUNT]
    db.session.rollback()
    return ids


def test_rows_are_inserted_with_every_kind_of_value(deliveries: list[int]) -> None:
    at = utcnow()
    with write_transaction() as connection:
        time = dialect(connection).time_value
        columns = (
            *("delivery_id", "number", "started_at", "duration_ms", "outcome", "detail", "url", "tls"),
            *("request_headers", "response_code", "response_headers", "response_body", "response_truncated"),
        )
        rows = [
            (id, 1, time(at), 5, "delivered", "Zoë\t\\N\n", "u", None, '{"a": "b"}', None, "[]", b"\0\xff\\", True)
            for id in deliveries
        ]
        dialect(connection).insert_many(connection, Attempt.__table__, columns, rows)
    made = db.session.scalars(db.select(Attempt).order_by(Attempt.id)).all()
    assert [attempt.delivery_id for attempt in made] == deliveries
    last = made[-1]
    assert (last.started_at, last.detail, last.tls, last.response_code) == (at, "Zoë\t\\N\n", None, None)
    assert (last.kept_headers, last.response_body, last.response_truncated) == ({"a": "b"}, b"\0\xff\\", True)


def test_rows_that_are_there_already_are_left_out(deliveries: list[int]) -> None:
    rows = [(f'Zoë\'s \\ "{id}"', id) for id in deliveries]
    for some in (rows[::2], rows, []):
        with write_transaction() as connection:
            columns = "value", "event_id"
            dialect(connection).insert_many(connection, EventKey.__table__, columns, some, "ON CONFLICT DO NOTHING")
    found = db.session.execute(db.select(EventKey.value, EventKey.event_id).where(EventKey.value.like("Zo%"))).all()
    assert sorted(found) == sorted(rows)


def test_rows_that_are_held_are_updated_by_id_and_others_left_alone(deliveries: list[int]) -> None:
    at = utcnow() + timedelta(hours=1)
    *changed, left = deliveries
    columns, also = ("status", "due_at", "attempts_count"), "lease_token = NULL"
    with write_transaction() as connection:
        connection.execute(update(Delivery).where(Delivery.id.in_(changed)).values(lease_token="mine"))
        time = dialect(connection).time_value
        rows = [("pending" if id % 2 else "failed", time(at) if id % 2 else None, id, id) for id in deliveries]
        held = dialect(connection).update_held(connection, Delivery.__table__, columns, rows, "mine", also)
    assert held == set(changed)
    for delivery in db.session.scalars(db.select(Delivery).where(Delivery.id.in_(changed))):
        expected = ("pending", at) if delivery.id % 2 else ("failed", None)
        assert (delivery.status, delivery.due_at, delivery.attempts_count) == (*expected, delivery.id)
        assert delivery.lease_token is None
    assert db.session.get_one(Delivery, left).attempts_count == 0


def test_counts_are_added_to_what_is_there(deliveries: list[int]) -> None:
    webhooks = sorted(set(db.session.scalars(db.select(Delivery.webhook_id))))
    db.session.rollback()
    hour = utcnow().replace(minute=0, second=0, microsecond=0)
    columns = ("webhook_id", "hour", "succeeded", "duration_bucket_ms", "count")
    for _ in range(2):
        with write_transaction() as connection:
            time = dialect(connection).time_value
            rows = [(id, time(hour), ok, 10, id) for id in webhooks for ok in (False, True)]
            add_many(connection, Stats.__table__, columns, rows)
    found = db.session.execute(db.select(Stats.webhook_id, Stats.succeeded, Stats.hour, Stats.count)).all()
    assert sorted(found) == sorted((id, ok, hour, 2 * id) for id in webhooks for ok in (False, True))


def test_rows_are_selected_by_any_number_of_ids(deliveries: list[int]) -> None:
    with db.engine.connect() as connection:
        database = dialect(connection)
        source = f"deliveries WHERE id IN {database.JSON_IDS} ORDER BY id"
        columns, ids = "id, attempts_allowed", json.dumps(deliveries[::2])
        found = database.select_rows(connection, lambda *row: row, columns, source, {"ids": ids})
        assert found == [(id, None) for id in deliveries[::2]]
        assert database.select_rows(connection, int, "id", source, {"ids": "[]"}) == []


def test_bytes_are_read_as_the_text_that_they_encode(app: Flask) -> None:
    make_webhook()
    event = make_event(data={"name": 'Zoë "quoted" \\ \u0000 \U0001f600'})
    body = event.body
    db.session.rollback()
    with db.engine.connect() as connection:
        database = dialect(connection)
        (text,) = database.select_rows(connection, str, database.text_of("body"), "events", {})
    assert text.encode() == body


def test_a_family_is_inserted_in_its_order_but_for_parents_that_exist(deliveries: list[int]) -> None:
    columns = ("public_id", "type", "environment", "body", "deliveries_count", "created_at")
    own = ("event_id", "webhook_id", "event_type", "environment", "trigger", "status", "attempts_count", "created_at")
    webhooks = list(db.session.scalars(db.select(Webhook.id).order_by(Webhook.id).limit(3)))
    db.session.rollback()

    def insert(ids: list[str], *, has_ids: bool = True, one_statement: bool = False) -> Born:
        with write_transaction(one_statement=one_statement) as connection:
            at = dialect(connection).time_value(utcnow())
            rows = [(id, "license.activated", "production", b"\0\xff", 0, at) for id in ids]
            row = ("license.activated", "production", "event", "pending", 0, at)
            born = [(place, webhook, *row) for place in range(len(ids)) for webhook in webhooks]
            children = [
                Children(Delivery.__table__, own, born, has_ids),
                Children(Delivery.__table__, own, []),
            ]
            family = Family(Event.__table__, ("environment", "public_id"), columns, rows, children)
            inserted = dialect(connection).insert_family(connection, family)
            assert inserted
            return inserted

    def children_of(parents: Iterable[int]) -> list[tuple[int, int, int]]:
        query = db.select(Delivery.event_id, Delivery.webhook_id, Delivery.id).where(Delivery.event_id.in_(parents))
        found = db.session.execute(query.order_by(Delivery.id)).all()
        db.session.rollback()
        return [(event, webhook, id) for event, webhook, id in found]

    ids = [f"evt_{number:04d}" for number in reversed(range(COUNT))]
    first = insert(ids)
    assert [*first.parents] == [*range(COUNT)]
    assert [*first.parents.values()] == sorted(first.parents.values())
    pairs = [(event, webhook) for event in first.parents.values() for webhook in webhooks]
    assert children_of(first.parents.values()) == [
        (event, webhook, id) for (event, webhook), id in zip(pairs, first.children[0], strict=True)
    ]
    again = insert(["new_b", ids[3], "new_a", ids[-1]], one_statement=True)
    assert [*again.parents] == [0, 2]
    assert [event for event, _, _ in children_of(again.parents.values())] == [
        event for event in again.parents.values() for _ in webhooks
    ]
    assert len(again.children[0]) == 2 * len(webhooks)
    silent = insert(["new_c"], has_ids=False)
    assert (silent.children, len(children_of(silent.parents.values()))) == ([[], []], len(webhooks))


def test_a_query_converts_values_and_rows_as_sqlalchemy_does(deliveries: list[int]) -> None:
    statement = db.select(Webhook.id, Webhook.active, Webhook.created_at, Webhook.headers, Webhook.rate_limit).where(
        Webhook.created_at <= bindparam("at", type_=Webhook.created_at.type), Webhook.active.is_(True)
    )
    query, values = Query(statement), {"at": utcnow()}
    with db.engine.connect() as connection:
        expected = [tuple(row) for row in connection.execute(statement, values)]
        assert query.rows(connection, values) == expected
        assert query.rows(connection, {"at": utcnow() - timedelta(days=1)}) == []
    assert expected
