"""Adding and removing the own passkeys."""

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.support.factories import make_user
from tests.support.passkeys import SoftwarePasskey
from tests.support.people import again, copy_of, is_signed_in, last_entry, start_session
from tests.webhooks_ui.people.test_passkeys import add
from tests.webhooks_ui.views.test_passkeys import use
from webhooks_ui.database import db
from webhooks_ui.models import User, UserSession
from webhooks_ui.people import recovery_codes

PAGE = "/account/passkeys"


@pytest.fixture
def user(admin: FlaskClient) -> User:
    user: User = db.session.scalars(db.select(User)).one()
    return user


def create(client: FlaskClient, passkey: SoftwarePasskey, name: str = "Phone") -> TestResponse:
    options = client.post(f"{PAGE}/options").text
    return client.post(PAGE, data={"name": name, "answer": passkey.create(options)})


def test_a_passkey_is_added_with_recovery_codes_and_signs_in(app: Flask, admin: FlaskClient, user: User) -> None:
    other, copy = app.test_client(), copy_of(admin)
    start_session(other, user)
    phone = SoftwarePasskey()
    answer = create(admin, phone, "Eva's <phone>")
    assert "Keep these codes in a safe place now." in admin.get(answer.headers["Location"]).text
    assert "Eva&#39;s &lt;phone&gt;" in admin.get("/account").text
    assert recovery_codes.count_left(user) == 10
    assert [is_signed_in(client) for client in (other, copy, admin)] == [False, False, True]
    db.session.rollback()
    assert db.session.scalars(db.select(UserSession.two_factors)).one()
    admin.post("/logout")
    assert use(admin, phone).status_code == 303


def test_a_second_passkey_keeps_the_recovery_codes(admin: FlaskClient, user: User) -> None:
    create(admin, SoftwarePasskey())
    assert create(admin, SoftwarePasskey(), "Key").headers["Location"] == "/account"
    assert [passkey.name for passkey in again(user).passkeys] == ["Phone", "Key"]


def test_the_page_suggests_the_name_of_the_device(admin: FlaskClient) -> None:
    page = admin.get(f"{PAGE}/new", headers={"User-Agent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"})
    assert 'value="Firefox on Linux"' in page.text


@pytest.mark.parametrize("answer", ["", "{}", "nonsense"])
def test_anything_else_is_refused(admin: FlaskClient, user: User, answer: str) -> None:
    admin.post(f"{PAGE}/options")
    page = admin.post(PAGE, data={"name": "Phone", "answer": answer})
    assert page.status_code == 422
    assert "The passkey was not accepted. Try again." in page.text
    assert again(user).passkeys == []


def test_a_name_that_is_too_long_is_told(admin: FlaskClient) -> None:
    answer = admin.post(PAGE, data={"name": "x" * 61})
    assert answer.status_code == 422
    assert "at most 60 characters" in answer.text


def test_removing_asks_first(admin: FlaskClient, user: User) -> None:
    create(admin, SoftwarePasskey())
    (passkey,) = again(user).passkeys
    path = f"{PAGE}/{passkey.id}/remove"
    assert "Remove the passkey Phone?" in admin.get(path).text
    assert len(again(user).passkeys) == 1
    admin.post(path)
    assert again(user).passkeys == []
    assert last_entry("user.passkey_removed").before == {"passkey": "Phone"}
    assert admin.get(path).status_code == admin.post(path).status_code == 404


def test_the_only_way_in_stays(admin: FlaskClient, user: User) -> None:
    create(admin, SoftwarePasskey())
    user = again(user)
    user.password_hash = None
    db.session.commit()
    page = admin.post(f"{PAGE}/{user.passkeys[0].id}/remove", follow_redirects=True).text
    assert "This passkey is your only way to sign in." in page
    assert len(again(user).passkeys) == 1


def test_the_passkey_of_another_is_not_there(admin: FlaskClient, user: User) -> None:
    eva = make_user("eva@example.com")
    passkey = add(eva, SoftwarePasskey())
    assert admin.get(f"{PAGE}/{passkey.id}/remove").status_code == 404
    assert admin.post(f"{PAGE}/{passkey.id}/remove").status_code == 404
    assert len(again(eva).passkeys) == 1


def test_where_browsers_allow_none_the_page_says_why(app: Flask, admin: FlaskClient) -> None:
    app.config["PUBLIC_URL"] = "http://portal.example.com"
    assert "only at an https address" in admin.get("/account").text
    assert "only at an https address" in admin.get(f"{PAGE}/new").text
    assert admin.post(f"{PAGE}/options").status_code == 404
