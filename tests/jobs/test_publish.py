from pathlib import Path

import pytest
from flask import Flask

from jobs.publish import publish
from jobs.store import OtherContent
from tests.support.factories import make_webhook
from webhooks_ui.database import db
from webhooks_ui.database import redis as redis_client
from webhooks_ui.events.new_event import NewEvent
from webhooks_ui.models import Delivery, Event


def activated(id: str | None = None) -> NewEvent:
    return NewEvent(type="license.activated", data={"id": "1"}, id=id)


def test_an_event_reaches_only_subscribed_active_webhooks_of_its_environment(app: Flask) -> None:
    wanted = make_webhook()
    make_webhook(environment="staging")
    make_webhook(active=False)
    make_webhook(event_types=["license.created"])
    assert [result.deliveries for result in publish("production", [activated()])] == [1]
    assert db.session.scalars(db.select(Delivery.webhook_id)).all() == [wanted.id]


def test_publishing_an_id_again_changes_nothing_and_answers_with_the_first_result(app: Flask) -> None:
    make_webhook()
    first = publish("production", [activated(id="evt_1")])
    make_webhook()
    again = publish("production", [activated(id="evt_1")])
    assert again == first
    assert db.session.scalar(db.select(db.func.count(Event.id))) == 1
    assert db.session.scalar(db.select(db.func.count(Delivery.id))) == 1


def test_an_id_is_unique_in_its_environment_only(app: Flask) -> None:
    publish("production", [activated(id="evt_1")])
    publish("staging", [activated(id="evt_1")])
    assert db.session.scalar(db.select(db.func.count(Event.id))) == 2


def test_an_array_answers_in_order_and_of_equal_ids_the_first_counts(app: Flask) -> None:
    make_webhook()
    results = publish(
        "production",
        [
            activated(id="evt_b"),
            NewEvent("license.created", {}, id="evt_a"),
            activated(id="evt_b"),
        ],
    )
    assert [(result.id, result.deliveries) for result in results] == [("evt_b", 1), ("evt_a", 0), ("evt_b", 1)]


def test_the_body_is_the_wire_contract(app: Flask) -> None:
    publish("production", [NewEvent("license.activated", {"name": "Zoë ‮ \x00"}, id="evt_1")])
    body = db.session.scalars(db.select(Event.body)).one().decode()
    assert body.startswith('{"id":"evt_1","type":"license.activated","environment":"production","timestamp":"2')
    assert body.endswith('Z","data":{"name":"Zoë ‮ \\u0000"}}')


def test_redis_being_down_does_not_fail_a_publish(app: Flask, tmp_path: Path) -> None:

    make_webhook()
    redis_client.use(app, redis_client.connect(f"unix://{tmp_path / 'nobody.sock'}"))
    assert publish("production", [activated()])[0].deliveries == 1


def test_an_id_that_comes_again_with_other_content_stores_nothing(app: Flask) -> None:
    publish("production", [activated(id="evt_1")])
    with pytest.raises(OtherContent, match="evt_1"):
        publish("production", [activated(), NewEvent("license.activated", {"id": "2"}, id="evt_1")])
    assert db.session.scalar(db.select(db.func.count(Event.id))) == 1
