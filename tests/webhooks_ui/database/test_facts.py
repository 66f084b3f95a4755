"""What rests on facts is stored only if all of them still hold, on both databases."""

import pytest
from flask import Flask
from sqlalchemy import BigInteger, Text, column, select, table

from tests.support.both_databases import database_url
from tests.support.factories import make_webhook
from webhooks_ui.database import db, dialect, single_query, write_transaction
from webhooks_ui.database.facts import ANSWER, Fact, Question, row_text
from webhooks_ui.database.family import Children, Family
from webhooks_ui.models import Event, EventKey, Webhook, utcnow

__all__ = ["database_url"]

_names = table("known_names", column("id", BigInteger), column(ANSWER, Text))
NAME = Question(_names, select(Webhook.name).where(Webhook.id == _names.c.id))
_states = table("known_states", column("name", Text), column("environment", Text), column(ANSWER, Text))
STATE = Question(
    _states,
    select(row_text(Webhook.id, Webhook.active, Webhook.rate_limit, Webhook.filter)).where(
        Webhook.name == _states.c.name, Webhook.environment == _states.c.environment
    ),
)


@pytest.fixture
def webhooks(app: Flask) -> list[int]:
    ids = [make_webhook(name=name).id for name in ('Zoë "1" \\', "Orders, {2}")]
    db.session.rollback()
    return ids


def names(ids: list[int]) -> list[Fact]:
    return [Fact(NAME, (id, name)) for id, name in zip(ids, ('Zoë "1" \\', "Orders, {2}"), strict=True)]


def insert(facts: list[Fact], id: str = "evt_1") -> bool:
    """Insert an event with a key if the facts hold. Return True if it was inserted."""
    with write_transaction(one_statement=True) as connection:
        at = dialect(connection).time_value(utcnow())
        columns = ("public_id", "type", "environment", "body", "deliveries_count", "created_at")
        keys = Children(EventKey.__table__, ("event_id", "value"), [(0, "lic-1")])
        row = (id, "license.activated", "production", b"{}", 0, at)
        family = Family(Event.__table__, ("environment", "public_id"), columns, [row], [keys])
        born = dialect(connection).insert_family(connection, family, facts)
    assert born is None or [*born.parents] == [0]
    return born is not None


def stored() -> tuple[int, int]:
    """Return how many events and keys there are."""
    counts = [db.session.scalar(select(db.func.count()).select_from(model)) for model in (Event, EventKey)]
    db.session.rollback()
    return counts[0] or 0, counts[1] or 0


def hold(*facts: Fact) -> bool:
    with single_query() as connection:
        return dialect(connection).hold(connection, facts)


def state(name: str) -> Fact:
    with db.engine.connect() as connection:
        text = connection.scalar(
            select(row_text(Webhook.id, Webhook.active, Webhook.rate_limit, Webhook.filter)).where(Webhook.name == name)
        )
    return Fact(STATE, (name, "production", text))


def test_while_all_facts_hold_the_family_is_inserted(webhooks: list[int]) -> None:
    facts = [*names(webhooks), state("Orders, {2}"), *names(webhooks)]
    assert hold(*facts)
    assert insert(facts)
    assert stored() == (1, 1)


@pytest.mark.parametrize("change", [{"active": False}, {"rate_limit": 3}, {"filter": {"match": "all"}}, {"name": "X"}])
def test_if_one_has_changed_nothing_is_inserted(webhooks: list[int], change: dict[str, object]) -> None:
    facts = [*names(webhooks)[:1], state("Orders, {2}")]
    webhook = db.session.get_one(Webhook, webhooks[1])
    for column_name, value in change.items():
        setattr(webhook, column_name, value)
    db.session.commit()
    assert not hold(*facts)
    assert hold(facts[0])
    assert not insert(facts)
    assert stored() == (0, 0)
    assert insert(facts[:1])


def test_a_fact_about_what_is_gone_does_not_hold(webhooks: list[int]) -> None:
    facts = names(webhooks)
    db.session.delete(db.session.get_one(Webhook, webhooks[0]))
    db.session.commit()
    assert not insert(facts)
    assert insert([Fact(NAME, (webhooks[0], None))]), "that there is no answer is a fact, too"


def test_a_change_that_is_not_committed_yet_changes_no_fact(webhooks: list[int]) -> None:
    if db.engine.dialect.name == "sqlite":
        pytest.skip("SQLite has one writer at a time")
    with write_transaction() as connection:
        connection.execute(db.update(Webhook).values(name="X"))
        assert insert(names(webhooks))
    assert not insert(names(webhooks), "evt_2")


def test_a_row_text_tells_columns_apart(webhooks: list[int]) -> None:
    pairs = [
        (None, "a"),
        ("a", None),
        ("", "a"),
        ("a,", ""),
        ("a", ","),
        ("(a", ""),
        ('"', ""),
        ("", '"'),
        (None, None),
    ]
    with db.engine.connect() as connection:
        texts = {
            connection.scalar(select(row_text(db.literal(first, Text), db.literal(second, Text))))
            for first, second in pairs
        }
    assert len(texts) == len(pairs)
