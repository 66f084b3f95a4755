"""Test events: their form and their result."""

import pytest
from flask.testing import FlaskClient

from tests.support.factories import make_delivery, make_webhook
from tests.support.http import HTMX, form_token
from tests.support.log_rows import add_attempt, settle
from tests.webhooks_ui.views.webhooks.read_back import recorded_actions
from webhooks_ui.database import db
from webhooks_ui.events.types import EVENT_TYPES
from webhooks_ui.models import Delivery, DeliveryTrigger, Event, OwnEventType
from webhooks_ui.web.template_helpers import pretty_json

EXAMPLE = pretty_json(EVENT_TYPES["license.created"].example)


@pytest.mark.parametrize("active", [True, False])
def test_a_test_event_is_always_sent_and_logged(admin: FlaskClient, active: bool) -> None:
    webhook = make_webhook(active=active)
    answer = admin.post(f"/admin/webhooks/{webhook.id}/test", data={"type": "telemetry.flagged"})
    delivery = db.session.scalars(db.select(Delivery)).one()
    assert answer.status_code == 303
    assert answer.headers["Location"] == f"/admin/webhook-deliveries/{delivery.id}"
    assert (delivery.webhook_id, delivery.trigger, delivery.forced) == (webhook.id, DeliveryTrigger.TEST, True)
    assert b'"bypassed_activation"' in db.session.scalars(db.select(Event)).one().body
    assert recorded_actions() == ["webhook.tested"]


def test_htmx_is_told_of_the_test_and_where_it_is_logged(admin: FlaskClient) -> None:
    webhook = make_webhook()
    answer = admin.post(f"/admin/webhooks/{webhook.id}/test", data={"type": "license.created"}, headers=HTMX)
    delivery = db.session.scalars(db.select(Delivery)).one()
    assert answer.status_code == 200
    assert f"/admin/webhook-deliveries/{delivery.id}" in answer.text
    assert f'hx-get="/admin/webhooks/{webhook.id}/test/{delivery.id}"' in answer.text


def test_the_answer_lets_the_same_page_send_another_test(admin: FlaskClient) -> None:
    webhook = make_webhook()
    address = f"/admin/webhooks/{webhook.id}/test"
    token = form_token(admin.get(address).text)
    for _ in range(2):
        answer = admin.post(address, data={"type": "license.created", "form_token": token}, headers=HTMX)
        assert 'id="test-token" hx-swap-oob="innerHTML"' in answer.text
        token = form_token(answer.text)
    assert recorded_actions() == ["webhook.tested"] * 2


def test_a_test_that_was_cancelled_says_so(admin: FlaskClient) -> None:
    webhook = make_webhook()
    delivery = make_delivery(webhook, status="cancelled", due_at=None)
    assert "cancelled before it was sent" in admin.get(f"/admin/webhooks/{webhook.id}/test/{delivery.id}").text


def test_the_result_of_a_test_is_polled_until_it_is_final(admin: FlaskClient) -> None:
    webhook = make_webhook()
    delivery = make_delivery(webhook)
    address = f"/admin/webhooks/{webhook.id}/test/{delivery.id}"
    assert admin.get(address).status_code == 204
    add_attempt(delivery, response_code=404, response_body=b'{"error": "<b>no such path</b>"}')
    settle(delivery, 404)
    final = admin.get(address).text
    assert "hx-get" not in final
    assert "The endpoint answered 404 Not Found. No such path: check the URL. Look at the response body" in final
    assert "31 ms" in final
    assert "&lt;b&gt;no such path&lt;/b&gt;" in final
    assert f'href="/admin/webhook-deliveries/{delivery.id}"' in final
    assert admin.get(f"/admin/webhooks/{make_webhook().id}/test/{delivery.id}").status_code == 404


def test_the_test_page_shows_the_example_of_the_chosen_type(admin: FlaskClient) -> None:
    webhook = make_webhook()
    page = admin.get(f"/admin/webhooks/{webhook.id}/test?type=contract.created").text
    assert "license_quota" in page
    assert "subscribed to it" in page
    assert "license_key" in admin.get(f"/admin/webhooks/{webhook.id}/test?type=nonsense").text


@pytest.mark.parametrize(
    ("data", "load", "kept"),
    [
        (EXAMPLE, "unless-edited", False),
        (EXAMPLE.replace("\n", "\r\n"), "unless-edited", False),
        (" ", "unless-edited", False),
        ('{"mine": 1}', "unless-edited", True),
        ("{broken", "unless-edited", True),
        ('{"mine": 1}', "example", False),
    ],
)
def test_another_type_brings_its_example_unless_the_data_was_edited(
    admin: FlaskClient, data: str, load: str, kept: bool
) -> None:
    webhook = make_webhook()
    form = {"type": "contract.created", "data": data, "load": load}
    answer = admin.post(f"/admin/webhooks/{webhook.id}/test", data=form)
    assert answer.status_code == 200
    assert ("license_quota" not in answer.text) is kept
    assert ("Your own data" in answer.text) is kept
    assert db.session.scalars(db.select(Delivery)).first() is None


def test_the_longest_example_gives_way_to_another_one(admin: FlaskClient) -> None:
    """With a line for each value and each mark escaped, it is seven times as long in the form that is sent."""
    long = {"numbers": [1] * 131_000}
    db.session.add(OwnEventType(name="invoice.paid", description="Paid", example=long, check="off"))
    db.session.commit()
    address = f"/admin/webhooks/{make_webhook().id}/test"
    form = {"type": "license.created", "data": pretty_json(long).replace("\n", "\r\n"), "load": "unless-edited"}
    answer = admin.post(address, data=form)
    assert answer.status_code == 200
    assert "license_key" in answer.text


def test_a_test_event_may_carry_other_data(admin: FlaskClient) -> None:
    webhook = make_webhook()
    admin.post(f"/admin/webhooks/{webhook.id}/test", data={"type": "license.created", "data": '{"mine": [1]}'})
    assert b'"data":{"mine": [1]}' in db.session.scalars(db.select(Event)).one().body


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({}, "Choose an event type"),
        ({"type": "license.eaten"}, "Choose an event type"),
        ({"type": "license.created", "data": "{\n  broken"}, "at line 2, column 3"),
        ({"type": "license.eaten", "load": "example"}, "Choose an event type"),
        ({"type": "license.created", "data": "[1]"}, "The data is an object"),
        ({"type": "license.created", "data": '{"a": NaN}'}, "NaN is not JSON"),
        ({"type": "license.created", "data": '{"a": "' + "x" * 300_000 + '"}'}, "262,144 are allowed"),
        ({"type": "license.created", "data": "[" * 50_000}, "nested too deeply"),
    ],
)
def test_a_wrong_test_event_is_refused_and_kept(admin: FlaskClient, fields: dict[str, str], sentence: str) -> None:
    webhook = make_webhook()
    answer = admin.post(f"/admin/webhooks/{webhook.id}/test", data=fields)
    assert answer.status_code == 422
    assert sentence in answer.text
    assert fields.get("data", "")[:100].replace('"', "&#34;") in answer.text
    assert db.session.scalars(db.select(Delivery)).first() is None
    assert recorded_actions() == []
