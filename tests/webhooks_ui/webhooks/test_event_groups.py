"""A webhook that wants a whole group gets the types that are added to it later."""

import threading
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event

from jobs.publish import publish
from tests.support.both_databases import database_url  # noqa: F401 (a fixture)
from tests.support.factories import make_api_key
from tests.webhooks_ui.api.conftest import Api
from webhooks_ui.database import db, writing
from webhooks_ui.events.new_event import NewEvent
from webhooks_ui.events.types import CATEGORIES
from webhooks_ui.models import Webhook
from webhooks_ui.webhooks import changes, own_event_types

SignIn = Callable[[str], FlaskClient]
URL = "https://93.184.215.14/"
LICENSE = sorted(type.name for type in CATEGORIES["license"])
OWN = {"description": "New.", "example": {"id": "1"}, "schema": None, "check": "off"}


@pytest.fixture
def api(app: Flask) -> Api:
    return Api(app.test_client(), make_api_key()[1])


def create(api: Api, *events: str) -> Webhook:
    answer = api.post("/webhooks", json={"name": "Orders", "url": URL, "events": events})
    assert answer.status_code == 201, answer.text
    return reloaded(answer.get_json()["id"])


def reloaded(id: int) -> Webhook:
    db.session.rollback()
    return db.session.get_one(Webhook, id, populate_existing=True)


def add_type(name: str) -> None:
    with writing():
        assert own_event_types.add({"name": name, **OWN})


def delete_type(name: str) -> None:
    with writing():
        own_event_types.delete(own_event_types.get(name))


def deliveries(type: str) -> int:
    (result,) = publish("production", [NewEvent(type, {"id": "1"})])
    return result.deliveries


def test_a_group_stands_for_its_types_and_is_told_in_their_place(api: Api) -> None:
    webhook = create(api, "license.*", "license.created", "product.created")
    assert (webhook.event_types, webhook.event_groups) == ([*LICENSE, "product.created"], ["license.*"])
    assert api.get(f"/webhooks/{webhook.id}").get_json()["events"] == ["license.*", "product.created"]
    assert [deliveries(type) for type in ("license.created", "license.revoked", "product.updated")] == [1, 1, 0]


def test_a_type_that_is_added_to_the_group_reaches_those_that_want_all_of_it(api: Api) -> None:
    whole, single = create(api, "license.*"), create(api, *LICENSE)
    add_type("license.archived")
    assert reloaded(whole.id).event_types == sorted([*LICENSE, "license.archived"])
    assert reloaded(single.id).event_types == LICENSE
    assert deliveries("license.archived") == 1
    assert api.get(f"/webhooks/{whole.id}").get_json()["events"] == ["license.*"]
    delete_type("license.archived")
    assert reloaded(whole.id).event_types == LICENSE
    assert reloaded(whole.id).event_groups == ["license.*"]


def test_a_group_ends_with_its_last_type(api: Api) -> None:
    add_type("invoice.paid")
    webhook = create(api, "invoice.*", "license.created")
    delete_type("invoice.paid")
    assert (reloaded(webhook.id).event_types, reloaded(webhook.id).event_groups) == (["license.created"], [])


def test_a_form_that_was_open_when_a_type_was_added_keeps_it(api: Api, sign_in: SignIn) -> None:
    webhook = create(api, "license.*")
    form = {
        "name": "Orders",
        "url": URL,
        "environment": "production",
        "active": "true",
        "events": ["license.*", *LICENSE],
    }
    add_type("license.archived")
    answer = sign_in("admin").post(f"/admin/webhooks/{webhook.id}/edit", data=form | {"version": webhook.version})
    assert answer.status_code == 303
    assert "license.archived" in reloaded(webhook.id).event_types


def test_a_type_that_is_added_while_a_webhook_is_saved_reaches_it(app: Flask) -> None:
    """The types of the webhook were worked out before. It is committed first, or waits for the new type."""
    ids = []

    def save() -> None:
        fields = {"name": "Orders", "url": URL, "environment": "production", "active": True, "description": ""}
        fields |= {"event_types": LICENSE, "event_groups": ["license.*"]}
        with app.app_context(), writing():
            ids.append(changes.create(fields).id)

    saving = threading.Thread(target=save)
    with writing():
        own_event_types.add({"name": "license.archived", **OWN})
        saving.start()
        saving.join(0.5)
    saving.join()
    assert reloaded(ids[0]).event_types == sorted([*LICENSE, "license.archived"])


def test_many_types_take_one_statement(app: Flask) -> None:
    """All who write wait for it."""
    sent: list[str] = []
    for number in range(30):
        add_type(f"license.own{number}")
    event.listen(db.engine, "before_cursor_execute", lambda *call: sent.append(call[2]))
    own_event_types.complete_groups()
    assert len([statement for statement in sent if "INSERT" in statement]) == 1


def test_the_form_offers_each_group_and_shows_the_chosen_one(api: Api, sign_in: SignIn) -> None:
    webhook = create(api, "license.*")
    page = sign_in("admin").get(f"/admin/webhooks/{webhook.id}/edit").text
    assert 'value="license.*" checked' in page
    assert 'value="product.*">' in page
    assert f">{len(LICENSE)}</output> of" in page


@pytest.mark.parametrize("name", ["invoice.*", "*", "license*", ".*", "license.created.*"])
def test_a_group_that_does_not_exist_is_refused(api: Api, name: str) -> None:
    answer = api.post("/webhooks", json={"name": "Orders", "url": URL, "events": [name]})
    assert answer.status_code == 422
    assert [error["field"] for error in answer.get_json()["errors"]] == ["events"]


def test_leaving_the_group_is_recorded(api: Api) -> None:
    webhook = create(api, "license.*")
    assert api.patch(f"/webhooks/{webhook.id}", json={"events": LICENSE}).status_code == 200
    assert reloaded(webhook.id).event_groups == []
    add_type("license.archived")
    assert deliveries("license.archived") == 0
