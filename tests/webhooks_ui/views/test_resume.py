"""A session that ends while somebody fills in a form: they sign in again, and what they typed is sent then."""

import re
from datetime import timedelta
from html import unescape

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.conftest import PASSWORD
from tests.support.factories import make_user, make_webhook
from tests.support.http import HTMX
from tests.support.people import code_of, with_app
from webhooks_ui.database import db
from webhooks_ui.models import UserSession, Webhook, utcnow

FROM_HERE = {"Origin": "http://localhost"}
NAME, URL = "Billing & <b>", "https://93.184.215.14/in"
FORM = {"name": NAME, "url": URL, "environment": "staging", "events": ["license.created", "product.deleted"]}


@pytest.fixture
def ended(admin: FlaskClient) -> FlaskClient:
    """Return a browser whose session is over."""
    db.session.execute(db.delete(UserSession))
    db.session.commit()
    return admin


def hidden(page: TestResponse) -> list[tuple[str, str]]:
    found = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page.text)
    return [(unescape(name), unescape(value)) for name, value in found]


def kept(page: TestResponse) -> str:
    return dict(hidden(page))["resume"]


def sign_in(client: FlaskClient, page: TestResponse, **fields: str) -> TestResponse:
    form = {"email": "admin@example.com", "password": PASSWORD, "resume": kept(page)}
    return client.post("/login", data=form | fields)


def test_what_was_typed_is_sent_after_signing_in_again(ended: FlaskClient) -> None:
    page = ended.post("/admin/webhooks/new", data=FORM, headers=FROM_HERE)
    assert page.status_code == 401
    assert "What you typed is kept" in page.text
    again = sign_in(ended, page)
    assert "You can send your new webhook now." in again.text
    fields = [(name, value) for name, value in hidden(again) if name != "csrf_token"]
    events = [("events", "license.created"), ("events", "product.deleted")]
    assert sorted(fields) == sorted([("name", NAME), ("url", URL), ("environment", "staging"), *events])
    assert 'action="/admin/webhooks/new"' in again.text
    data: dict[str, list[str]] = {}
    for name, value in fields:
        data.setdefault(name, []).append(value)
    assert ended.post("/admin/webhooks/new", data=data).status_code == 303
    assert db.session.scalars(db.select(Webhook.name)).all() == [NAME]


def test_a_wrong_password_keeps_it_too(ended: FlaskClient) -> None:
    page = ended.post("/admin/webhooks/new", data=FORM, headers=FROM_HERE)
    wrong = sign_in(ended, page, password="wrong")
    assert wrong.status_code == 422
    assert "What you typed is kept" in wrong.text
    assert "Submit again" in sign_in(ended, wrong).text


def test_the_second_step_keeps_it_too(ended: FlaskClient) -> None:
    eva = with_app(make_user("eva@example.com", "admin"))
    db.session.commit()
    page = ended.post("/admin/webhooks/new", data=FORM, headers=FROM_HERE)
    second = sign_in(ended, page, email="eva@example.com")
    assert "Second step" in second.text
    done = ended.post("/login/second-factor", data={"code": code_of(eva), "resume": kept(second)})
    assert "Submit again" in done.text


def test_htmx_gets_the_sign_in_form_in_place_of_the_page(ended: FlaskClient) -> None:
    page = ended.post("/admin/webhooks/new", data=FORM, headers=FROM_HERE | HTMX)
    assert page.status_code == 401
    assert (page.headers["HX-Retarget"], "HX-Redirect" in page.headers) == ("#main", False)
    assert "<html" not in page.text
    assert "Submit again" in sign_in(ended, page).text


def test_the_preview_says_so_and_leaves_the_form_alone(ended: FlaskClient) -> None:
    answer = ended.post("/admin/webhooks/new/preview", data=FORM, headers=FROM_HERE | HTMX)
    assert (answer.status_code, answer.headers["HX-Retarget"]) == (401, "#alert")
    assert "Your session has ended." in answer.text


def test_the_form_comes_back_filled_in(ended: FlaskClient) -> None:
    webhook = make_webhook()
    page = ended.post(f"/admin/webhooks/{webhook.id}/edit", data=FORM, headers=FROM_HERE)
    assert f'formaction="/admin/webhooks/{webhook.id}/edit/preview"' in sign_in(ended, page).text


def test_a_pasted_request_is_checked_after_signing_in_again(ended: FlaskClient) -> None:
    pasted = {"headers": "webhook-id: evt_1", "body": "{}", "secret": "", "computed": ""}
    page = ended.post(f"/admin/webhooks/{make_webhook().id}/signature", data=pasted, headers=FROM_HERE)
    again = sign_in(ended, page)
    assert "You can send what you pasted now." in again.text
    assert set(pasted.items()) <= set(hidden(again))


def test_the_answer_of_an_inspector_is_kept(ended: FlaskClient) -> None:
    page = ended.post("/admin/inspector/1", data={"name": "Mine", "body": "long"}, headers=FROM_HERE)
    assert "You can send your changes to the inspector now." in sign_in(ended, page).text


def test_who_signs_in_in_another_tab_goes_on_in_the_first(ended: FlaskClient, app: Flask) -> None:
    page = ended.post("/admin/webhooks/new", data=FORM, headers=FROM_HERE)
    waiting = ended.post("/login/again", data={"resume": kept(page)}, headers=FROM_HERE)
    assert waiting.status_code == 401
    ended.post("/login", data={"email": "admin@example.com", "password": PASSWORD})
    assert "Submit again" in ended.post("/login/again", data={"resume": kept(page)}, headers=FROM_HERE).text


@pytest.mark.parametrize("headers", [{}, {"Origin": "https://evil.example"}, {"Referer": "https://evil.example/a"}])
def test_a_form_of_another_site_is_not_kept(ended: FlaskClient, headers: dict[str, str]) -> None:
    answer = ended.post("/admin/webhooks/new", data=FORM, headers=headers)
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/login")


@pytest.mark.parametrize("text", ["", "nonsense", "W10.aSHpaA.c2ln"])
def test_a_text_that_we_did_not_sign_is_ignored(admin: FlaskClient, text: str) -> None:
    answer = admin.post("/login/again", data={"resume": text}, headers=FROM_HERE)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/login")
    form = {"email": "admin@example.com", "password": PASSWORD, "resume": text}
    assert admin.post("/login", data=form).status_code == 303


def test_it_is_kept_where_the_clock_is_behind(ended: FlaskClient) -> None:
    page = ended.post("/admin/webhooks/new", data=FORM, headers=FROM_HERE)
    with time_machine.travel(utcnow() - timedelta(seconds=2), tick=True):
        assert "You can send your new webhook now." in sign_in(ended, page).text


def test_it_is_kept_for_an_hour(ended: FlaskClient) -> None:
    page = ended.post("/admin/webhooks/new", data=FORM, headers=FROM_HERE)
    with time_machine.travel(utcnow() + timedelta(minutes=61), tick=True):
        assert sign_in(ended, page).status_code == 303


def test_a_switch_keeps_nothing(ended: FlaskClient) -> None:
    webhook = make_webhook()
    answer = ended.post(f"/admin/webhooks/{webhook.id}/active", data={"active": "false"}, headers=FROM_HERE)
    assert answer.status_code == 302


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_a_switch_without_a_session_leads_to_a_page_that_says_why(ended: FlaskClient, headers: dict[str, str]) -> None:
    webhook = make_webhook()
    for _ in range(2):
        answer = ended.post(f"/admin/webhooks/{webhook.id}/active", data={"active": "false"}, headers=headers)
    page = ended.get(answer.headers.get("HX-Redirect") or answer.headers["Location"]).text
    assert page.count("Your session has ended. Nothing was changed. Sign in again to go on.") == 1


def test_a_page_without_a_session_leads_to_a_page_that_says_why(ended: FlaskClient) -> None:
    page = ended.get("/admin/webhooks", follow_redirects=True).text
    assert page.count("Your session has ended. Sign in again to go on.") == 1


def test_a_visitor_is_told_of_no_session(client: FlaskClient) -> None:
    assert "session has ended" not in client.get("/admin/webhooks", follow_redirects=True).text


def test_a_search_goes_on_after_signing_in(ended: FlaskClient) -> None:
    seen = {"HX-Current-URL": "http://localhost/admin/webhooks?status=active"}
    answer = ended.get("/admin/webhooks?status=active&q=bill", headers=HTMX | seen)
    assert answer.headers["HX-Redirect"] == "/login?next=/admin/webhooks?status%3Dactive%26q%3Dbill"


def test_the_address_of_the_preview_leads_to_the_form(admin: FlaskClient) -> None:
    webhook = make_webhook()
    for form in ("/admin/webhooks/new", f"/admin/webhooks/{webhook.id}/edit"):
        assert admin.get(f"{form}/preview").headers["Location"] == form
