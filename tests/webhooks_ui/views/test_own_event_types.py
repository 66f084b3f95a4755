"""Super admins add event types to the catalogue. They are published, subscribed to and checked like the others."""

import html
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.support.factories import make_api_key, make_delivery, make_event, make_webhook
from tests.support.http import form_token
from tests.webhooks_ui.api.conftest import Api
from tests.webhooks_ui.views.webhooks.read_back import recorded_actions, reloaded
from webhooks_ui.database import db
from webhooks_ui.events import catalogue, schema
from webhooks_ui.models import Delivery, Event, OwnEventType

SignIn = Callable[[str], FlaskClient]
PAGE = "/admin/event-types"
SCHEMA = json.dumps({"required": ["number"], "properties": {"number": {"type": "string"}}})
GOOD = {
    "name": "invoice.paid",
    "description": "An invoice was paid.",
    "example": '{"number": "A-1", "total": 12.50}',
    "schema": SCHEMA,
    "check": "refuse",
}


@pytest.fixture
def super_admin(sign_in: SignIn) -> FlaskClient:
    return sign_in("super_admin")


@pytest.fixture
def api(app: Flask) -> Api:
    return Api(app.test_client(), make_api_key()[1])


def errors(page: str) -> dict[str, str]:
    """Return the message of each field that has one."""
    found = re.findall(r'id="(\w+)-error">.*?<span>(.*?)</span>', page, re.S)
    return {name: html.unescape(text) for name, text in found}


def add(client: FlaskClient, **fields: Any) -> TestResponse:
    answer = client.post(f"{PAGE}/new", data=GOOD | fields)
    db.session.rollback()
    return answer


def publish(api: Api, data: object, type: str = "invoice.paid") -> TestResponse:
    return api.post("/events", json={"type": type, "data": data})


def test_a_form_that_is_sent_twice_adds_one_type_and_says_so(super_admin: FlaskClient) -> None:
    token = form_token(super_admin.get(f"{PAGE}/new").text)
    first, second = (add(super_admin, form_token=token) for _ in range(2))
    assert (first.status_code, first.headers["Location"]) == (303, second.headers["Location"])
    assert recorded_actions() == ["event_type.created"]


def test_the_numbers_of_an_example_are_shown_and_sent_as_they_were_written(
    super_admin: FlaskClient, api: Api, app: Flask
) -> None:
    total = '"total":12.50,"large":123456789012345678901234567890.10,"zero":-0'
    add(super_admin, example=f'{{"number": "A-1", {total}}}')
    webhook = make_webhook(event_types=["invoice.paid"])
    in_lines = total.replace(":", ": ")
    assert total in api.get("/event-types").get_data(as_text=True)
    for address in (PAGE, f"{PAGE}/invoice.paid/payload", f"/admin/webhooks/{webhook.id}/test?type=invoice.paid"):
        page = html.unescape(super_admin.get(address).text)
        assert all(line in page for line in in_lines.split(",")), address
    assert total in html.unescape(super_admin.get(f"{PAGE}/invoice.paid/edit").text)
    api.post(f"/webhooks/{webhook.id}/test", json={"type": "invoice.paid"})
    super_admin.post(f"/admin/webhooks/{webhook.id}/test", data={"type": "invoice.paid", "data": ""})
    published = ["events", "publish", "invoice.paid", "--environment", "production"]
    app.test_cli_runner().invoke(args=published, catch_exceptions=False)
    db.session.rollback()
    events = db.session.scalars(db.select(Event)).all()
    assert [total in event.body.decode() for event in events] == [True] * 3


def test_no_publication_reads_the_examples(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """With 300 types, to read their examples takes a second."""
    db.session.add(OwnEventType(**GOOD | {"example": '{"number":"A-1"}'}))
    db.session.commit()
    read: list[object] = []
    monkeypatch.setattr(catalogue, "example_of", read.append)
    assert publish(api, {"number": "A-2"}).status_code == 202
    assert read == []


def test_an_example_that_an_older_version_stored_is_read(super_admin: FlaskClient, api: Api) -> None:
    db.session.add(OwnEventType(**GOOD | {"example": {"number": "A-1", "total": 12.5}}))
    db.session.commit()
    assert '"total":12.5}' in api.get("/event-types").get_data(as_text=True)
    page = super_admin.get(f"{PAGE}/invoice.paid/edit").text
    assert '"total":12.5}' in html.unescape(page)
    example = '{"number": "A-1", "total": 12.5}'
    assert super_admin.post(f"{PAGE}/invoice.paid/edit", data=GOOD | {"example": example}).status_code == 303
    assert recorded_actions() == []  # nothing has changed


def test_an_added_type_is_listed_with_example_and_schema(super_admin: FlaskClient, api: Api) -> None:
    answer = add(super_admin)
    assert answer.status_code == 303, errors(answer.text)
    page = super_admin.get(answer.headers["Location"]).text
    for text in (
        'id="invoice.paid"',
        "An invoice was paid.",
        "what doesn&#39;t fit is refused",
        'data-copy="schema-invoice.paid"',
        'id="schema-invoice.paid"',
        "The event type invoice",
    ):
        assert text in page, text
    (type,) = (type for type in api.get("/event-types").get_json()["data"] if type["name"] == "invoice.paid")
    assert type["category"] == "invoice"
    assert type["example"] == {"number": "A-1", "total": 12.5}
    assert recorded_actions() == ["event_type.created"]
    assert "invoice.paid" in super_admin.get("/admin/audit-log").text


def test_the_description_of_the_api_lists_it(super_admin: FlaskClient, api: Api) -> None:
    add(super_admin)
    schemas = api.get("/openapi.json").get_json()["components"]["schemas"]
    assert "invoice.paid" in schemas["EventType"]["enum"]
    assert "invoice.paid" in schemas["PublishedType"]["enum"]
    assert "invoice" in schemas["EventCategory"]["enum"]
    assert "webhook.failing" in schemas["EventType"]["enum"]
    assert "webhook.failing" not in schemas["PublishedType"]["enum"]


def test_it_is_subscribed_to_published_and_found_by_its_group(super_admin: FlaskClient, api: Api) -> None:
    add(super_admin)
    form = {"name": "Billing", "url": "https://93.184.215.14/", "environment": "production", "events": ["invoice.paid"]}
    assert super_admin.post("/admin/webhooks/new", data=form).status_code == 303
    assert api.post("/webhooks", json={"name": "B", "url": form["url"], "events": ["invoice.paid"]}).status_code == 201
    answer = publish(api, {"number": "A-2"})
    assert (answer.status_code, answer.get_json()["deliveries"]) == (202, 2)
    make_webhook()
    make_event()
    log = super_admin.get("/admin/webhook-deliveries?category=invoice").text
    assert "invoice.paid" in log.partition("<tbody")[2]
    assert "license.activated" not in log.partition("<tbody")[2].partition("</tbody>")[0]
    found = api.get("/deliveries", query_string={"category": "invoice"}).get_json()["data"]
    assert {delivery["event_type"] for delivery in found} == {"invoice.paid"}
    assert 'value="invoice.paid"' in super_admin.get("/admin/webhooks/new").text


@pytest.mark.parametrize(
    "query",
    [{"category": "invoice"}, {"q": "invoice.paid"}, {"q": "invoice.*"}],
    ids=lambda query: "".join(query.values()),
)
def test_what_was_delivered_of_it_is_found_after_it_was_deleted(
    super_admin: FlaskClient, api: Api, query: dict[str, str]
) -> None:
    add(super_admin)
    make_webhook(event_types=["invoice.paid"])
    publish(api, {"number": "A-2"})
    make_delivery(make_webhook())
    super_admin.post(f"{PAGE}/invoice.paid/delete")
    found = api.get("/deliveries", query_string=query).get_json()["data"]
    assert [delivery["event_type"] for delivery in found] == ["invoice.paid"]
    log = super_admin.get("/admin/webhook-deliveries", query_string=query).text
    assert "invoice.paid" in log.partition("<tbody")[2]
    assert '<option value="invoice"' in log


def test_a_group_with_an_underscore_is_no_other_group_in_the_log(super_admin: FlaskClient, api: Api) -> None:
    for name in ("in_voice.paid", "in1voice.paid"):
        assert add(super_admin, name=name).status_code == 303
        make_webhook(event_types=[name])
        publish(api, {"number": "A-1"}, name)
    found = api.get("/deliveries", query_string={"category": "in_voice"}).get_json()["data"]
    assert [delivery["event_type"] for delivery in found] == ["in_voice.paid"]


def test_data_that_does_not_fit_is_refused_with_its_path(super_admin: FlaskClient, api: Api) -> None:
    add(super_admin)
    answer = publish(api, {"number": 5})
    assert answer.status_code == 422
    assert answer.get_json()["errors"] == [
        {"index": None, "field": "data.number", "message": "5 is not of type 'string'."}
    ]
    assert publish(api, {}).get_json()["errors"][0]["field"] == "data"
    db.session.rollback()
    assert db.session.scalar(db.select(db.func.count(Event.id))) == 0


def test_data_that_does_not_fit_is_noted_and_shown(super_admin: FlaskClient, api: Api) -> None:
    add(super_admin, check="note")
    make_webhook(event_types=["invoice.paid"])
    assert publish(api, {"number": 5}).status_code == 202
    db.session.rollback()
    delivery = db.session.scalars(db.select(Delivery)).one()
    note = "number: 5 is not of type 'string'."
    assert api.get(f"/deliveries/{delivery.id}").get_json()["schema_note"] == note
    assert note in html.unescape(super_admin.get(f"/admin/webhook-deliveries/{delivery.id}").text)


def test_without_a_check_any_data_is_published(super_admin: FlaskClient, api: Api) -> None:
    add(super_admin, check="off")
    assert publish(api, {"number": 5}).status_code == 202
    db.session.rollback()
    assert db.session.scalars(db.select(Event)).one().note is None


def test_a_test_event_is_never_refused(super_admin: FlaskClient, api: Api) -> None:
    add(super_admin)
    webhook = make_webhook(event_types=["invoice.paid"])
    answer = api.post(f"/webhooks/{webhook.id}/test", json={"type": "invoice.paid", "data": {"number": 5}})
    assert answer.status_code == 202
    assert api.post(f"/webhooks/{webhook.id}/test").status_code == 202
    assert "A-1" in super_admin.get(f"/admin/webhooks/{webhook.id}/test").text


@pytest.mark.parametrize(
    ("field", "fields", "sentence"),
    [
        ("name", {"name": ""}, "Give the type a name"),
        ("name", {"name": "invoice"}, "Write the name like invoice.paid"),
        ("name", {"name": "Invoice.Paid"}, "Write the name like invoice.paid"),
        ("name", {"name": "invoice..paid"}, "Write the name like invoice.paid"),
        ("name", {"name": "invoice.paid\n.x"}, "Write the name like invoice.paid"),
        ("name", {"name": "a." + "b" * 70}, "up to 64"),
        ("name", {"name": "license.activated"}, "is an event type of the portal"),
        ("name", {"name": "webhook.failing"}, "is an event type of the portal"),
        ("name", {"name": "webhook.exploded"}, "are for operational events"),
        ("name", {"name": "delivery.made"}, "are for operational events"),
        ("name", {"name": "operational.restarted"}, "are for operational events"),
        ("description", {"description": " "}, "Say in a sentence"),
        ("description", {"description": "x" * 201}, "up to 200 characters"),
        ("description", {"description": "a\0b"}, "control characters"),
        ("example", {"example": ""}, "Give an example"),
        ("example", {"example": "[]"}, "The example is a JSON object."),
        ("example", {"example": "{"}, "The example is not JSON"),
        ("example", {"example": '{"a": 1e999}'}, "The number is too large"),
        ("example", {"example": '{"a": "' + "x" * 263_000 + '"}'}, "too large"),
        ("example", {"example": '{"number": 5}'}, "The example doesn't fit the schema. number: 5 is not of type"),
        ("schema", {"schema": "[]"}, "The schema is a JSON object."),
        ("schema", {"schema": '{"$ref": "https://example.com/x"}'}, "Only references within it"),
        ("schema", {"schema": '{"type": "objekt"}'}, "The schema is wrong at type"),
        ("example", {"schema": '{"$ref": "#"}'}, "refers to itself without end"),
        ("check", {"check": "maybe"}, "Choose off, note, refuse."),
        ("check", {"schema": ""}, "Add a schema"),
    ],
)
def test_a_wrong_field_has_its_sentence(
    super_admin: FlaskClient, monkeypatch: pytest.MonkeyPatch, field: str, fields: dict[str, str], sentence: str
) -> None:
    monkeypatch.setattr(schema, "CHECK_SECONDS", 5.0)  # a busy machine may need longer to find no end
    answer = add(super_admin, **fields)
    assert answer.status_code == 422
    found = errors(answer.text)
    assert list(found) == [field]
    assert sentence in found[field]
    assert db.session.scalars(db.select(OwnEventType)).all() == []


def test_a_name_is_given_once(super_admin: FlaskClient) -> None:
    add(super_admin)
    answer = add(super_admin, description="Another one")
    assert answer.status_code == 422
    assert "There is a type invoice.paid already" in errors(answer.text)["name"]
    assert "Another one" in answer.text


def test_everything_but_the_name_can_be_edited(super_admin: FlaskClient) -> None:
    add(super_admin)
    page = super_admin.get(f"{PAGE}/invoice.paid/edit").text
    assert "An invoice was paid." in page
    fields = GOOD | {"name": "other.name", "description": "It was paid.", "check": "off", "schema": ""}
    assert super_admin.post(f"{PAGE}/invoice.paid/edit", data=fields).status_code == 303
    db.session.rollback()
    type = db.session.scalars(db.select(OwnEventType)).one()
    assert (type.name, type.description, type.check, type.schema) == ("invoice.paid", "It was paid.", "off", None)
    assert super_admin.post(f"{PAGE}/invoice.paid/edit", data=fields | {"example": "x"}).status_code == 422
    assert recorded_actions() == ["event_type.created", "event_type.updated"]


def test_two_who_edit_a_type_at_once_undo_nothing(super_admin: FlaskClient) -> None:
    add(super_admin)
    address = f"{PAGE}/invoice.paid/edit"
    shown = re.search(r'name="seen" value="([^"]*)"', super_admin.get(address).text)
    assert shown
    seen = {"seen": html.unescape(shown[1])} | json.loads(html.unescape(shown[1]))
    super_admin.post(address, data=seen | {"description": "Of the first"})
    other = seen | {"example": '{"number": "B-2"}'}
    assert super_admin.post(address, data=other).status_code == 303
    db.session.rollback()
    type = db.session.scalars(db.select(OwnEventType)).one()
    assert (type.description, type.example) == ("Of the first", '{"number":"B-2"}')
    answer = super_admin.post(address, data=seen | {"description": "Of the second"})
    assert answer.status_code == 409
    assert "Somebody else changed this to Of the first while you were editing." in html.unescape(answer.text)


def test_deleting_ends_the_subscriptions_and_keeps_the_log(super_admin: FlaskClient, api: Api) -> None:
    add(super_admin)
    both = make_webhook(name="Both", event_types=["invoice.paid", "license.activated"])
    alone = make_webhook(name="Alone", event_types=["invoice.paid"])
    delivery = make_delivery(alone)
    page = super_admin.get(f"{PAGE}/invoice.paid/delete").text
    assert ">Both</a>" in page
    assert ">Alone</a>" in page
    assert super_admin.post(f"{PAGE}/invoice.paid/delete").status_code == 303
    assert reloaded(both).event_types == ["license.activated"]
    assert reloaded(alone).event_types == []
    assert publish(api, {"number": "A-1"}).status_code == 422
    assert super_admin.get(f"{PAGE}/invoice.paid/edit").status_code == 404
    assert super_admin.post(f"{PAGE}/invoice.paid/delete").status_code == 404
    assert "invoice.paid" in super_admin.get(f"/admin/webhook-deliveries/{delivery.id}").text
    assert "invoice.paid" in super_admin.get("/admin/webhook-deliveries").text
    assert recorded_actions() == ["event_type.created", "event_type.deleted"]


def test_the_pages_of_a_webhook_without_any_subscription_work(super_admin: FlaskClient, api: Api) -> None:
    webhook = make_webhook(event_types=[])
    address = f"/admin/webhooks/{webhook.id}"
    for path in ("", "/edit", "/test", "/recoveries", "/delete", "/snippets"):
        assert super_admin.get(address + path).status_code in (200, 404), path
    assert super_admin.get("/admin/webhooks").status_code == 200
    assert super_admin.get(f"/admin/webhooks/new?copy={webhook.id}").status_code == 200
    assert super_admin.post(f"{address}/edit/preview", data={"conditions": "shown"}).status_code == 200
    assert super_admin.post(f"{address}/missed", data={"since": "1h"}).status_code == 200
    assert api.get(f"/webhooks/{webhook.id}").get_json()["events"] == []
    assert api.patch(f"/webhooks/{webhook.id}", json={"name": "New"}).status_code == 200
    assert api.post(f"/webhooks/{webhook.id}/test").status_code == 202


@pytest.mark.parametrize("role", ["admin", "operator", "viewer"])
def test_only_super_admins_may_change_the_catalogue(sign_in: SignIn, role: str) -> None:
    client = sign_in(role)
    for path in ("new", "license.activated/edit", "license.activated/delete"):
        assert client.get(f"{PAGE}/{path}").status_code == 403
        assert client.post(f"{PAGE}/{path}", data=GOOD).status_code == 403
    if role == "admin":
        assert "Add event type" not in client.get(PAGE).text


def test_the_types_of_the_portal_stay_as_they_are(super_admin: FlaskClient) -> None:
    for name in ("license.activated", "webhook.failing", "no.such", "%00", "a" * 500):
        assert super_admin.get(f"{PAGE}/{name}/edit").status_code == 404
        assert super_admin.post(f"{PAGE}/{name}/delete").status_code == 404


def test_a_publisher_cannot_publish_an_operational_event(api: Api) -> None:
    answer = publish(api, {}, "webhook.disabled")
    assert answer.status_code == 422
    (error,) = answer.get_json()["errors"]
    assert error["field"] == "type"
    assert error["message"] == "Only KeyManager itself publishes webhook.disabled. Choose another type."
