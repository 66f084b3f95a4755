"""Saved payloads: data of a test event that is kept under a name, and sent again."""

import html
import re
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.support.factories import make_user, make_webhook
from tests.support.http import HTMX
from tests.webhooks_ui.views.webhooks.read_back import recorded_actions
from webhooks_ui.database import db
from webhooks_ui.models import Event, SavedPayload, Webhook

SignIn = Callable[[str], FlaskClient]
NAME = "Limit reached, EMEA customer"
DATA = '{"reason": {"code": "limit_reached"}, "n": 1.50}'


@pytest.fixture
def webhook(admin: FlaskClient) -> Webhook:
    return make_webhook()


def save(client: FlaskClient, webhook: Webhook, htmx: bool = False, /, **fields: str) -> TestResponse:
    form = {"type": "activation.failed", "data": DATA, "payload_name": NAME} | fields
    answer = client.post(f"/admin/webhooks/{webhook.id}/test/payloads", data=form, headers=HTMX if htmx else {})
    db.session.rollback()
    return answer


def saved() -> list[tuple[str, str, str]]:
    db.session.rollback()
    return [(row.event_type, row.name, row.data) for row in db.session.scalars(db.select(SavedPayload))]


def test_a_payload_is_saved_and_sent_again_to_another_webhook(webhook: Webhook, admin: FlaskClient) -> None:
    answer = save(admin, webhook)
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/admin/webhooks/{webhook.id}/test?saved=1")
    assert saved() == [("activation.failed", NAME, DATA)]
    other = make_webhook()
    page = admin.get(f"/admin/webhooks/{other.id}/test?saved=1").text
    assert "<option selected>activation.failed</option>" in page
    data = html.unescape(re.findall(r"<textarea[^>]*>(.*?)</textarea>", page, re.S)[0])
    assert data == DATA
    assert "admin@example.com" in page.partition("saved-payloads")[2]
    admin.post(f"/admin/webhooks/{other.id}/test", data={"type": "activation.failed", "data": data})
    db.session.rollback()
    assert b'"n": 1.50' in db.session.scalars(db.select(Event)).one().body
    assert recorded_actions() == ["test_payload.saved", "webhook.tested"]
    assert "Test payload: saved" in admin.get("/admin/audit-log").text


def test_without_data_the_example_is_saved(webhook: Webhook, admin: FlaskClient) -> None:
    save(admin, webhook, data=" ")
    assert '"limit_reached"' in saved()[0][2]


def test_htmx_gets_the_form_with_what_was_typed(webhook: Webhook, admin: FlaskClient) -> None:
    answer = save(admin, webhook, True)
    assert answer.headers["HX-Retarget"] == "#test-event"
    assert f"{NAME} was saved." in answer.text
    assert html.escape(DATA, quote=True).replace("&quot;", "&#34;") in answer.text
    loaded = admin.get(f"/admin/webhooks/{webhook.id}/test?saved=1", headers=HTMX).text
    assert f"{NAME} is in the form." in loaded


@pytest.mark.parametrize(
    ("fields", "field", "message"),
    [
        ({"payload_name": " "}, "payload-name", "Give the payload a name"),
        ({"payload_name": "x" * 61}, "payload-name", "at most 60 characters"),
        ({"type": "license.eaten"}, "test-type", "Choose an event type"),
        ({"data": '{"a": 1,\n "b"}'}, "test-data", "at line 2"),
        ({"data": '{"a": 1, "a": 2}'}, "test-data", "a"),
        ({"data": '{"a": "' + "x" * 300_000 + '"}'}, "test-data", "262,144 are allowed"),
    ],
)
def test_what_is_wrong_is_said_at_its_field_and_kept(
    webhook: Webhook, admin: FlaskClient, fields: dict[str, str], field: str, message: str
) -> None:
    answer = save(admin, webhook, **fields)
    assert answer.status_code == 422
    error = re.search(rf'id="{field}-error".*?<span>(.*?)</span>', answer.text, re.S)
    assert error
    assert message in html.unescape(error[1])
    assert fields.get("payload_name", NAME) in answer.text
    assert saved() == []


def test_a_name_is_there_once_for_each_type(webhook: Webhook, admin: FlaskClient) -> None:
    save(admin, webhook)
    again = save(admin, webhook, data="{}")
    assert again.status_code == 422
    assert "activation.failed has a saved payload with this name already. Choose another name." in again.text
    assert save(admin, webhook, type="activation.created").status_code == 303
    assert [(type, data) for type, _, data in saved()] == [("activation.failed", DATA), ("activation.created", DATA)]


def test_a_hundred_are_saved_at_most(webhook: Webhook, admin: FlaskClient) -> None:
    user = make_user("eva@example.com")
    for number in range(100):
        db.session.add(SavedPayload(event_type="license.created", name=str(number), data="{}", user_id=user.id))
    db.session.commit()
    answer = save(admin, webhook)
    assert answer.status_code == 422
    assert "100 payloads are saved, which is the most. Delete one first." in answer.text


def test_only_who_saved_it_and_super_admins_delete_it(webhook: Webhook, admin: FlaskClient, sign_in: SignIn) -> None:
    user = make_user("eva@example.com", name="Eva")
    db.session.add(SavedPayload(event_type="license.created", name="Hers", data="{}", user_id=user.id))
    db.session.commit()
    save(admin, webhook)
    page = admin.get(f"/admin/webhooks/{webhook.id}/test").text
    assert "by Eva" in page
    assert f'aria-label="Delete {NAME}"' in page
    assert 'aria-label="Delete Hers"' not in page
    delete = f"/admin/webhooks/{webhook.id}/test/payloads"
    assert admin.post(f"{delete}/1/delete").status_code == 403
    kept = admin.post(f"{delete}/2/delete", data={"type": "license.expired", "data": '{"typed": 1}'})
    assert kept.status_code == 200
    assert f"{NAME} was deleted." in kept.text
    assert "typed" in kept.text
    assert admin.post(f"{delete}/2/delete").status_code == 404
    sign_in("super_admin").post(f"{delete}/1/delete")
    assert saved() == []


def test_a_payload_of_a_type_that_is_gone_can_still_be_opened(webhook: Webhook, admin: FlaskClient) -> None:
    user = make_user("eva@example.com")
    db.session.add(SavedPayload(event_type="invoice.paid", name="Old", data='{"old": 1}', user_id=user.id))
    db.session.commit()
    page = admin.get(f"/admin/webhooks/{webhook.id}/test?saved=1")
    assert page.status_code == 200
    assert "old" in page.text
    assert admin.get(f"/admin/webhooks/{webhook.id}/test?saved=99").status_code == 200
