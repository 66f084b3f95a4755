"""Signing in and out."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from config import load
from tests.conftest import PASSWORD
from tests.support.factories import make_user
from tests.support.http import HTMX
from tests.support.people import actions, copy_of, is_signed_in, last_entry, session_count, start_session
from tests.webhooks_ui.configuration.conftest import PRODUCTION
from webhooks_ui.database import db, writing
from webhooks_ui.models import User, utcnow
from webhooks_ui.people import accounts
from webhooks_ui.web.sign_in_throttle import FAILURES_PER_MINUTE

WEBHOOK = {
    "name": "Billing",
    "url": "https://93.184.215.14/in",
    "environment": "production",
    "events": "license.created",
}

SignIn = Callable[[str], FlaskClient]


def sign_in(
    client: FlaskClient, password: str = PASSWORD, email: str = "admin@example.com", next: str = ""
) -> TestResponse:
    return client.post(
        "/login", query_string={"next": next} if next else {}, data={"email": email, "password": password}
    )


@pytest.mark.parametrize("behind", [timedelta(seconds=2), timedelta(hours=1)])
def test_a_web_server_whose_clock_is_behind_knows_who_signed_in(client: FlaskClient, behind: timedelta) -> None:
    make_user()
    sign_in(client)
    with time_machine.travel(utcnow() - behind):
        assert is_signed_in(client)
        assert client.get("/admin/webhooks").status_code == 200


def test_a_cookie_of_a_clock_that_was_years_ahead_is_no_session(client: FlaskClient) -> None:
    make_user()
    with time_machine.travel(utcnow() + timedelta(days=3_652)):
        sign_in(client)
        assert is_signed_in(client)
    assert not is_signed_in(client)


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


def test_signing_out_works_after_a_pause_of_minutes(admin: FlaskClient) -> None:
    with time_machine.travel(utcnow() + timedelta(minutes=5), tick=False):
        assert admin.post("/logout").status_code == 303
    assert actions() == ["user.signed_out"]


def test_a_cookie_that_was_copied_before_opens_nothing_after_the_logout(admin: FlaskClient) -> None:
    copy = copy_of(admin)
    assert is_signed_in(copy)
    admin.post("/logout")
    assert not is_signed_in(copy)
    assert copy.get("/admin/webhooks").status_code == 302


@pytest.mark.parametrize(
    ("change", "arguments"), [("deactivate", ()), ("set_role", ("viewer",)), ("set_password", ("a new password 9",))]
)
def test_a_change_by_others_ends_the_session_at_once(
    admin: FlaskClient, change: str, arguments: tuple[str, ...]
) -> None:
    assert is_signed_in(admin)
    with writing():
        getattr(accounts, change)(accounts.lock_among_super_admins(1), *arguments)
    assert not is_signed_in(admin)


def test_a_session_ends_after_12_hours_without_use_and_after_7_days(admin: FlaskClient) -> None:
    now = utcnow()
    for hours in range(11, 7 * 24, 11):
        with time_machine.travel(now + timedelta(hours=hours)):
            assert is_signed_in(admin)
    with time_machine.travel(now + timedelta(days=7, seconds=1)):
        assert not is_signed_in(admin)
    start_session(admin, db.session.scalars(db.select(User)).one())
    with time_machine.travel(utcnow() + timedelta(hours=12, seconds=1)):
        assert not is_signed_in(admin)


def test_a_page_that_asks_by_itself_keeps_no_session_alive(admin: FlaskClient) -> None:
    """An open log polls for ever. Whoever left it open is gone."""
    now = utcnow()
    for hours in (4, 8, 11):
        with time_machine.travel(now + timedelta(hours=hours)):
            assert admin.get("/admin/webhook-deliveries/newer?than=0", headers=HTMX).status_code in (200, 204)
    with time_machine.travel(now + timedelta(hours=13)):
        assert not is_signed_in(admin)


def test_signing_in_again_gives_another_session_and_ends_the_old_one(client: FlaskClient) -> None:
    user = make_user()
    sign_in(client)
    old = copy_of(client)
    sign_in(client)
    assert (is_signed_in(client), is_signed_in(old), session_count(user)) == (True, False, 1)


def test_signing_in_and_out_and_failing_stand_in_the_audit_log(client: FlaskClient) -> None:
    make_user()
    sign_in(client, password="wrong")
    sign_in(client)
    client.post("/logout")
    assert actions() == ["user.sign_in_failed", "user.signed_in", "user.signed_out"]
    failed, entered = last_entry("user.sign_in_failed"), last_entry("user.signed_in")
    assert (failed.actor, failed.object_name, failed.after) == (
        "anonymous", "admin@example.com", {"reason": "wrong password"},
    )  # fmt: skip
    assert (entered.actor, entered.after, entered.address) == ("admin@example.com", {"by": "password"}, "127.0.0.1")


def test_what_was_typed_as_an_unknown_address_is_not_written(client: FlaskClient) -> None:
    """People type their password into that field."""
    sign_in(client, email="hunter2-is-my-password")
    entry = last_entry("user.sign_in_failed")
    assert (entry.object_name, entry.after) == ("", {"reason": "unknown address"})


def test_who_is_deactivated_is_told_so_only_with_the_right_password(client: FlaskClient) -> None:
    make_user(deactivated_at=utcnow())
    assert "This account is deactivated" in sign_in(client).text
    assert "The email address or the password is wrong." in sign_in(client, password="wrong").text
    assert not is_signed_in(client)


def test_who_was_invited_and_did_not_come_can_not_sign_in(client: FlaskClient) -> None:
    with writing():
        accounts.invite("eva@example.com", "admin")
    for password in ("", "None", PASSWORD):
        assert sign_in(client, password=password, email="eva@example.com").status_code == 422


def test_without_passwords_none_is_asked_for_or_taken(app: Flask, client: FlaskClient) -> None:
    app.config["PASSWORD_SIGN_IN"] = False
    make_user()
    assert 'name="password"' not in client.get("/login").text
    answer = sign_in(client)
    assert answer.status_code == 422
    assert "Passwords are switched off here" in answer.text


def test_a_visitor_gets_no_cookie_before_a_form_needs_one(client: FlaskClient) -> None:
    assert "Set-Cookie" not in client.get("/healthz").headers


def test_an_answer_that_comes_late_undoes_nothing_that_the_session_got_meanwhile(client: FlaskClient) -> None:
    make_user()
    sign_in(client)
    client.get("/admin/webhooks/new")
    early = copy_of(client)  # sends the cookie that the browser had when it asked for the preview
    created = client.post("/admin/webhooks/new", data=WEBHOOK)
    late = early.post("/admin/webhooks/new/preview", data=WEBHOOK, headers=HTMX)
    assert late.status_code == 200
    for cookie in late.headers.getlist("Set-Cookie"):
        client.set_cookie("session", cookie.partition("=")[2].partition(";")[0])
    page = client.get(created.location).text
    assert "secret-text" in page
    assert f"{WEBHOOK['name']} was created." in page


def test_the_name_of_the_browser_may_be_anything(client: FlaskClient) -> None:
    make_user()
    data = {"email": "admin@example.com", "password": PASSWORD}
    assert client.post("/login", data=data, headers={"User-Agent": "\x01<b>" + "x" * 900}).status_code == 303
    page = client.get("/account").text
    assert "&lt;b&gt;xxx" in page
    assert "<b>xxx" not in page


def test_a_form_without_its_token_is_refused_with_advice(app: Flask) -> None:
    client = app.test_client()
    client.get("/login")
    answer = client.post("/login", data={"email": "a@example.com", "password": "b"})
    assert answer.status_code == 400
    assert "This form has expired" in answer.text


def test_an_expired_session_sends_htmx_to_the_login(client: FlaskClient) -> None:
    headers = HTMX | {"HX-Current-URL": "http://localhost/admin/webhooks?status=active"}
    answer = client.get("/admin/webhooks?q=a", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["HX-Redirect"] == "/login?next=/admin/webhooks?q%3Da"


@pytest.mark.parametrize(
    ("target", "address"),
    [
        ("/admin/webhooks?q=☃", "/admin/webhooks?q=%E2%98%83"),
        ("/admin/webhooks?q=a b%20c", "/admin/webhooks?q=a%20b%20c"),
        ("/\x7f", "/%7F"),
    ],
)
def test_htmx_is_sent_to_an_address_in_ascii(client: FlaskClient, target: str, address: str) -> None:
    make_user("admin@example.com")
    data = {"email": "admin@example.com", "password": PASSWORD}
    answer = client.post("/login", query_string={"next": target}, data=data, headers=HTMX)
    assert answer.headers["HX-Redirect"] == address


def test_who_is_signed_in_needs_no_login_page(admin: FlaskClient) -> None:
    assert admin.get("/login?next=/admin/webhooks/new").headers["Location"] == "/admin/webhooks/new"


def test_a_chosen_theme_is_remembered(admin: FlaskClient) -> None:
    assert admin.post("/theme", data={"theme": "dark", "next": "/admin/webhooks"}).status_code == 303
    assert 'data-theme="dark"' in admin.get("/admin/webhooks").text


CHOICES = [
    ("theme", "system, light, dark"),
    ("density", "compact, comfortable"),
    ("shortcuts", "on, off"),
    ("live", "off, on"),
    ("environment", "empty, production, staging, development"),
]


@pytest.mark.parametrize(("name", "choices"), CHOICES)
def test_a_choice_that_is_not_offered_is_refused_by_name(admin: FlaskClient, name: str, choices: str) -> None:
    for data in ({}, {name: "<script>"}):
        answer = admin.post(f"/{name}", data=data)
        assert answer.status_code == 422
        assert f"The field {name} must be one of: {choices}." in answer.text
        assert admin.get_cookie(name) is None


@pytest.mark.parametrize("name", ["theme", "density", "shortcuts", "live"])
def test_in_production_all_cookies_need_https(app: Flask, admin: FlaskClient, name: str) -> None:
    app.config["SESSION_COOKIE_SECURE"] = True  # as config.py says for production
    value = {"theme": "dark", "density": "comfortable", "shortcuts": "off", "live": "on"}[name]
    answer = admin.post(f"/{name}", data={name: value}, base_url="https://localhost")
    assert "Secure; HttpOnly" in answer.headers["Set-Cookie"]


def test_in_production_no_neighbouring_host_can_set_the_session(app: Flask, admin: FlaskClient, tmp_path: Path) -> None:
    """It could sign people in as somebody else, by a cookie for the whole domain. Browsers refuse one of this name."""
    before = admin.get_cookie("session")
    production = load(PRODUCTION | {"INSTANCE_PATH": str(tmp_path)})
    app.config |= {name: value for name, value in production.items() if name.startswith("SESSION_COOKIE_")}
    cookie = app.test_client().get("/login", base_url="https://localhost").headers["Set-Cookie"]
    assert cookie.startswith("__Host-session=")
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} == set(cookie.split("; ")[1:])
    assert before
    assert not is_signed_in(admin)
    admin.set_cookie("__Host-session", before.value)
    assert is_signed_in(admin)
