"""The account page: the name and the sessions."""

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.support.factories import make_user
from tests.support.people import actions, again, is_signed_in, last_entry, session_count, start_session, with_app
from webhooks_ui.database import db
from webhooks_ui.models import User, UserSession, set_settings
from webhooks_ui.views.account.devices import device

SignIn = Callable[[str], FlaskClient]


@pytest.mark.parametrize("role", ["viewer", "operator", "admin", "super_admin"])
def test_everybody_has_an_account(sign_in: SignIn, role: str) -> None:
    page = sign_in(role).get("/account")
    assert page.status_code == 200
    assert f"{role}@example.com" in page.text


def test_visitors_have_none(client: FlaskClient) -> None:
    assert client.get("/account").headers["Location"] == "/login?next=/account"


def test_a_name_is_saved_and_shown(admin: FlaskClient) -> None:
    admin.post("/account/name", data={"name": " Eva\n <Muster> "})
    assert "Eva &lt;Muster&gt;" in admin.get("/account").text
    entry = last_entry("user.renamed")
    assert (entry.before, entry.after) == ({"name": ""}, {"name": "Eva <Muster>"})


def test_a_name_that_is_saved_again_is_no_change(admin: FlaskClient) -> None:
    for _ in range(2):
        admin.post("/account/name", data={"name": "Eva"})
    assert actions() == ["user.renamed"]


def test_a_name_that_is_too_long_is_told(admin: FlaskClient) -> None:
    answer = admin.post("/account/name", data={"name": "x" * 101})
    assert answer.status_code == 422
    assert "The name can have at most 100 characters." in answer.text


def test_the_sessions_say_where_since_when_and_which_is_this_one(app: Flask, admin: FlaskClient) -> None:
    other = app.test_client()
    start_session(other, db.session.scalars(db.select(User)).one())
    values = {"user_agent": "Mozilla/5.0 (Windows NT 10.0) Chrome/140.0 Safari/537.36", "address": "2001:db8::1"}
    db.session.execute(db.update(UserSession).where(UserSession.id == 2).values(values))
    db.session.commit()
    page = admin.get("/account").text
    assert "Chrome on Windows" in page
    assert "2001:db8::1" in page
    assert page.count("This session") == 1


def test_one_session_is_ended(app: Flask, admin: FlaskClient) -> None:
    other = app.test_client()
    start_session(other, db.session.scalars(db.select(User)).one())
    assert admin.post("/account/sessions/2/end").status_code == 303
    assert (is_signed_in(other), is_signed_in(admin)) == (False, True)
    assert actions() == ["user.session_ended"]


def test_all_other_sessions_are_ended(app: Flask, admin: FlaskClient) -> None:
    user, others = db.session.scalars(db.select(User)).one(), [app.test_client() for _ in range(3)]
    for other in others:
        start_session(other, user)
    page = admin.post("/account/sessions/end-others", follow_redirects=True).text
    assert "3 other sessions were ended." in page
    assert [is_signed_in(other) for other in others] == [False] * 3
    assert is_signed_in(admin)


def test_the_session_of_another_person_is_not_ended(app: Flask, admin: FlaskClient) -> None:
    eva = make_user("eva@example.com")
    start_session(app.test_client(), eva)
    admin.post("/account/sessions/2/end")
    assert session_count(eva) == 1
    assert actions() == []


def test_who_needs_a_second_factor_is_led_to_the_account_and_nowhere_else(admin: FlaskClient) -> None:
    set_settings({"second_factor_roles": ["admin"]})
    db.session.commit()
    page = admin.get("/account").text
    assert "Your role requires a second factor." in page
    for path in ("/admin/webhooks", "/admin/team", "/account/password"):
        assert admin.get(path).headers["Location"] == "/account"
    assert admin.post("/admin/webhooks/1/active", data={"active": "true"}).headers["Location"] == "/account"
    assert admin.get("/account/passkeys/new").status_code == 200
    assert admin.post("/account/authenticator/new").headers["Location"] == "/account/authenticator"
    assert admin.post("/logout").status_code == 303


def test_a_session_from_before_the_second_factor_is_not_enough(client: FlaskClient) -> None:
    """The factor was set up in another browser. This one has shown only the password."""
    set_settings({"second_factor_roles": ["admin"]})
    db.session.commit()
    user = with_app(make_user())
    start_session(client, user)
    assert again(user).has_second_factor
    assert client.get("/admin/webhooks").headers["Location"] == "/account"
    assert '<a href="/login?again=1">Sign in again</a> with yours' in client.get("/account").text


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604", "Safari on iPhone"),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/140 Safari/537 Edg/140", "Edge on Windows"),
        ("Mozilla/5.0 (Linux; Android 15) Chrome/140 Mobile Safari/537", "Chrome on Android"),
        ("curl/8.0", "curl/8.0"),
        ("x" * 300, "x" * 40),
        ("", "Unknown browser"),
    ],
)  # fmt: skip
def test_a_device_has_a_name_that_people_know(header: str, name: str) -> None:
    assert device(header) == name
