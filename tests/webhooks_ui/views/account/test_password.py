"""Changing, setting and removing the own password."""

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.support.people import PASSWORD, again, copy_of, is_signed_in, last_entry, start_session
from webhooks_ui.database import db
from webhooks_ui.models import Passkey, User, UserSession
from webhooks_ui.people.second_factor import WRONG_CODES_MAX

PAGE = "/account/password"
WELL_KNOWN = "/.well-known/change-password"
NEW = "quokka lantern 9 fjord"
FORM = {"present": PASSWORD, "password": NEW, "repeated": NEW}


@pytest.fixture
def user(admin: FlaskClient) -> User:
    user: User = db.session.scalars(db.select(User)).one()
    return user


def test_a_new_password_keeps_this_session_and_ends_the_others(app: Flask, admin: FlaskClient, user: User) -> None:
    other = app.test_client()
    start_session(other, user)
    assert admin.get(PAGE).status_code == 200
    assert admin.post(PAGE, data=FORM).status_code == 303
    assert (is_signed_in(admin), is_signed_in(other)) == (True, False)
    assert again(user).has_password(NEW)
    assert last_entry("user.password_changed").object_name == user.email


@pytest.mark.parametrize("way", ["change", "remove", "end others"])
def test_a_copy_of_the_cookie_from_before_opens_nothing(admin: FlaskClient, user: User, way: str) -> None:
    user.passkeys.append(Passkey(name="Phone", credential_id="abc", public_key=b"key", sign_count=0, verifies=True))
    db.session.commit()
    session = db.session.scalars(db.select(UserSession)).one()
    before = (session.id, session.two_factors, session.method, session.address, session.created_at)
    copy = copy_of(admin)
    assert is_signed_in(copy)
    address = {"change": PAGE, "remove": f"{PAGE}/remove", "end others": "/account/sessions/end-others"}[way]
    assert admin.post(address, data=FORM).status_code == 303
    assert (is_signed_in(admin), is_signed_in(copy)) == (True, False)
    session = db.session.scalars(db.select(UserSession)).one()
    assert (session.id, session.two_factors, session.method, session.address, session.created_at) == before


def test_a_wrong_present_password_leaves_the_cookie_as_it_is(admin: FlaskClient, user: User) -> None:
    copy = copy_of(admin)
    assert admin.post(PAGE, data=FORM | {"present": "wrong"}).status_code == 422
    assert (is_signed_in(admin), is_signed_in(copy)) == (True, True)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"present": "wrong"}, "This is not your present password."),
        ({"present": ""}, "Enter your present password."),
        ({"password": "short", "repeated": "short"}, "12 to 1,000 characters"),
        ({"password": "administrator1", "repeated": "administrator1"}, "easy to guess"),
        ({"password": "admin@example.com", "repeated": "admin@example.com"}, "easy to guess"),
        ({"password": "keymanagerwebhooks", "repeated": "keymanagerwebhooks"}, "easy to guess"),
        ({"repeated": "another"}, "This is not the same password."),
    ],
)
def test_a_wrong_field_is_told_and_changes_nothing(
    admin: FlaskClient, user: User, wrong: dict[str, str], sentence: str
) -> None:
    answer = admin.post(PAGE, data=FORM | wrong)
    assert answer.status_code == 422
    assert sentence in answer.text
    assert NEW not in answer.text
    assert again(user).has_password(PASSWORD)


def test_who_sits_at_an_open_browser_gets_no_more_than_ten_guesses(admin: FlaskClient, user: User) -> None:
    for _ in range(WRONG_CODES_MAX):
        admin.post(PAGE, data=FORM | {"present": "wrong"})
    answer = admin.post(PAGE, data=FORM)
    assert answer.status_code == 422
    assert "Try again in 15 minutes." in answer.text
    assert again(user).has_password(PASSWORD)


def test_who_has_no_password_sets_one_without_the_present_one(admin: FlaskClient, user: User) -> None:
    user.password_hash = None
    db.session.commit()
    assert "Set a password" in admin.get(PAGE).text
    assert admin.post(PAGE, data={"password": NEW, "repeated": NEW}).status_code == 303
    assert again(user).has_password(NEW)


def test_a_password_is_removed_only_if_there_is_another_way_in(admin: FlaskClient, user: User) -> None:
    assert "Add a passkey first" in admin.post(f"{PAGE}/remove", follow_redirects=True).text
    assert again(user).has_password(PASSWORD)
    user.passkeys.append(Passkey(name="Phone", credential_id="abc", public_key=b"key", sign_count=0, verifies=True))
    db.session.commit()
    assert "with nothing else" in admin.get(f"{PAGE}/remove").text
    assert admin.post(f"{PAGE}/remove").status_code == 303
    assert again(user).password_hash is None
    assert is_signed_in(admin)


def test_password_managers_find_the_page(app: Flask, admin: FlaskClient) -> None:
    assert admin.get(WELL_KNOWN, follow_redirects=True).request.path == PAGE
    visitor = app.test_client().get(WELL_KNOWN, follow_redirects=True)
    assert (visitor.request.path, visitor.request.args["next"]) == ("/login", PAGE)
    none = "resource-that-should-not-exist-whose-status-code-should-not-be-200"  # they ask for it to know whom to trust
    assert admin.get(f"/.well-known/{none}").status_code == 404


def test_where_passwords_are_off_there_is_no_page(app: Flask, admin: FlaskClient) -> None:
    app.config["PASSWORD_SIGN_IN"] = False
    assert admin.get(WELL_KNOWN).status_code == 404
    assert admin.get(PAGE).status_code == 404
    assert admin.post(PAGE, data=FORM).status_code == 404
    assert PAGE not in admin.get("/account").text
