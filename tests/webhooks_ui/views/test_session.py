"""Signing in and out."""

from collections.abc import Callable

import pytest
from flask import Flask, g
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.conftest import PASSWORD
from tests.support.factories import make_user
from tests.support.http import HTMX
from webhooks_ui.database import db
from webhooks_ui.web.sign_in_throttle import FAILURES_PER_MINUTE

SignIn = Callable[[str], FlaskClient]


def sign_in(
    client: FlaskClient, password: str = PASSWORD, email: str = "admin@example.com", next: str = ""
) -> TestResponse:
    return client.post(
        "/login", query_string={"next": next} if next else {}, data={"email": email, "password": password}
    )


def test_a_visitor_is_sent_to_the_login_and_comes_back(client: FlaskClient) -> None:
    make_user()
    answer = client.get("/admin/webhooks?q=crm")
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/login?next=")
    signed_in = client.post(answer.headers["Location"], data={"email": "admin@example.com", "password": PASSWORD})
    assert signed_in.status_code == 303
    assert signed_in.headers["Location"] == "/admin/webhooks?q=crm"


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example", "/\\evil.example", "/\t/evil.example", "admin", ""]
)
def test_the_login_leads_to_no_other_site(client: FlaskClient, target: str) -> None:
    make_user()
    assert sign_in(client, next=target).headers["Location"] == "/admin/webhooks"


def test_a_wrong_password_keeps_the_address_and_says_so(client: FlaskClient) -> None:
    make_user()
    answer = sign_in(client, password="wrong")
    assert answer.status_code == 422
    assert 'value="admin@example.com"' in answer.text
    assert "The email address or the password is wrong." in answer.text
    assert client.get("/admin/webhooks").status_code == 302


def test_an_unknown_address_gets_the_same_answer(client: FlaskClient) -> None:
    make_user()
    assert "The email address or the password is wrong." in sign_in(client, email="nobody@example.com").text


def test_the_address_may_be_typed_in_capitals(client: FlaskClient) -> None:
    make_user()
    assert sign_in(client, email=" Admin@Example.com ").status_code == 303


def test_ten_failures_a_minute_are_enough(client: FlaskClient) -> None:
    make_user()
    for _ in range(FAILURES_PER_MINUTE):
        assert sign_in(client, password="wrong").status_code == 422
    answer = sign_in(client)
    assert answer.status_code == 429
    assert "Wait a minute" in answer.text
    assert int(answer.headers["Retry-After"]) <= 60


def test_successes_are_not_counted_as_failures(client: FlaskClient) -> None:
    make_user()
    for _ in range(FAILURES_PER_MINUTE + 2):
        assert sign_in(client).status_code == 303


def test_signing_out_ends_the_session(admin: FlaskClient) -> None:
    assert admin.get("/admin/webhooks").status_code == 200
    assert admin.post("/logout").status_code == 303
    assert admin.get("/admin/webhooks").status_code == 302


def test_a_new_password_ends_old_sessions(client: FlaskClient) -> None:
    user = make_user()
    sign_in(client)
    user.set_password("another good password")
    db.session.commit()
    g.pop("_login_user")  # the app context of the fixture keeps the user that Flask-Login loaded
    assert client.get("/admin/webhooks").status_code == 302


def test_a_form_without_its_token_is_refused_with_advice(app: Flask) -> None:
    answer = app.test_client().post("/login", data={"email": "a@example.com", "password": "b"})
    assert answer.status_code == 400
    assert "This form has expired" in answer.text


def test_an_expired_session_sends_htmx_to_the_login(client: FlaskClient) -> None:
    headers = HTMX | {"HX-Current-URL": "http://localhost/admin/webhooks?status=active"}
    answer = client.get("/admin/webhooks?q=a", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["HX-Redirect"] == "/login?next=/admin/webhooks?status%3Dactive"


def test_who_is_signed_in_needs_no_login_page(admin: FlaskClient) -> None:
    assert admin.get("/login?next=/admin/webhooks/new").headers["Location"] == "/admin/webhooks/new"


def test_a_chosen_theme_is_remembered(admin: FlaskClient) -> None:
    assert admin.post("/theme", data={"theme": "dark", "next": "/admin/webhooks"}).status_code == 303
    assert 'data-theme="dark"' in admin.get("/admin/webhooks").text
    admin.post("/theme", data={"theme": "<script>"})
    assert 'data-theme="dark"' in admin.get("/admin/webhooks").text
