"""Setting up and removing an authenticator app."""

from datetime import timedelta

import pyotp
import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient

from tests.support.factories import make_user
from tests.support.people import actions, again, code_of, copy_of, is_signed_in, start_session, with_app
from webhooks_ui.database import db
from webhooks_ui.models import RecoveryCode, User, UserSession, set_settings, utcnow
from webhooks_ui.people import recovery_codes, second_factor, totp
from webhooks_ui.people.second_factor import WRONG_CODES_MAX

APP = "/account/authenticator"


@pytest.fixture
def user(admin: FlaskClient) -> User:
    """Sign in, and begin to set up an app."""
    assert admin.post(f"{APP}/new").headers["Location"] == APP
    return again(db.session.scalars(db.select(User)).one())


def test_the_page_has_a_qr_code_and_the_secret_as_text(admin: FlaskClient, user: User) -> None:
    page = admin.get(APP)
    assert "<svg" in page.text
    assert f">{totp.secret_of(user)}</textarea>" in page.text
    assert page.headers["Cache-Control"] == "no-store"


def test_a_code_enables_the_app_and_shows_recovery_codes_once(admin: FlaskClient, user: User) -> None:
    answer = admin.post(APP, data={"code": code_of(user)})
    shown = admin.get(answer.headers["Location"]).text
    assert "Keep these codes in a safe place now." in shown
    assert shown.count("<li>") >= 10
    assert again(user).has_totp
    assert recovery_codes.count_left(user) == 10
    assert actions() == ["user.authenticator_enabled", "user.recovery_codes_made"]
    with time_machine.travel(utcnow() + timedelta(minutes=5, seconds=1)):
        page = admin.get(answer.headers["Location"], follow_redirects=True).text
        assert "shown only once" in page
    assert totp.secret_of(user) not in admin.get("/account").text


def test_the_present_session_counts_as_one_with_two_factors_and_the_others_end(
    app: Flask, admin: FlaskClient, user: User
) -> None:
    other, copy = app.test_client(), copy_of(admin)
    start_session(other, user)
    admin.post(APP, data={"code": code_of(user)})
    assert [is_signed_in(client) for client in (other, copy, admin)] == [False, False, True]
    db.session.rollback()
    assert db.session.scalars(db.select(UserSession.two_factors)).one()


@pytest.mark.parametrize(("code", "sentence"), [("000000", "This code is wrong."), ("", "Enter the code")])
def test_a_wrong_code_enables_nothing_and_keeps_the_secret(
    admin: FlaskClient, user: User, code: str, sentence: str
) -> None:
    secret = totp.secret_of(user)
    answer = admin.post(APP, data={"code": code})
    assert answer.status_code == 422
    assert sentence in answer.text
    assert secret in answer.text
    assert not again(user).has_totp


def test_a_code_ends_no_pause(admin: FlaskClient, user: User) -> None:
    for _ in range(WRONG_CODES_MAX):
        admin.post(APP, data={"code": "000000"})
    for code in ("000000", "000000", code_of(user)):
        assert "Too many codes were wrong." in admin.post(APP, data={"code": code}).text
        assert second_factor.is_paused(again(user))
    assert not again(user).has_totp


def test_an_app_that_is_set_up_shows_its_secret_no_more(admin: FlaskClient, user: User) -> None:
    admin.post(APP, data={"code": code_of(user)})
    secret = totp.secret_of(again(user))
    assert admin.get(APP).headers["Location"] == "/account"
    admin.post(f"{APP}/new")
    assert totp.secret_of(again(user)) == secret


def test_removing_asks_first(admin: FlaskClient) -> None:
    user = with_app(db.session.scalars(db.select(User)).one())
    assert "Its codes no longer work." in admin.get(f"{APP}/remove").text
    assert again(user).has_totp
    admin.post(f"{APP}/remove")
    assert not again(user).has_second_factor
    assert db.session.scalar(db.select(db.func.count(RecoveryCode.id))) == 0


def test_a_factor_that_the_role_requires_stays(admin: FlaskClient) -> None:
    user = with_app(db.session.scalars(db.select(User)).one())
    set_settings({"second_factor_roles": ["admin"]})
    db.session.execute(db.update(UserSession).values(two_factors=True))
    db.session.commit()
    page = admin.post(f"{APP}/remove", follow_redirects=True).text
    assert "Your role requires a second factor." in page
    assert again(user).has_totp


def test_with_a_lost_key_the_page_says_so(app: Flask, admin: FlaskClient, user: User) -> None:
    app.config["ENCRYPTION_KEYS"] = ["k" * 43 + "="]
    answer = admin.get(APP)
    assert answer.status_code == 303
    assert "can&#39;t be decrypted" in admin.get("/account").text
    assert admin.post(f"{APP}/new").headers["Location"] == APP
    assert admin.get(APP).status_code == 200


def test_another_person_has_another_secret(app: Flask, admin: FlaskClient, user: User) -> None:
    eva, browser = make_user("eva@example.com"), app.test_client()
    start_session(browser, eva)
    browser.post(f"{APP}/new")
    assert totp.secret_of(again(eva)) != totp.secret_of(again(user))
    assert len(pyotp.random_base32()) == len(totp.secret_of(eva))
