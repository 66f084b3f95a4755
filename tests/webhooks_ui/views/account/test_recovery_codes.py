"""Making new recovery codes, and seeing them once."""

from flask import Flask
from flask.testing import FlaskClient

from tests.support.factories import make_user
from tests.support.people import again, make_codes, start_session, with_app
from webhooks_ui.database import db
from webhooks_ui.models import RecoveryCode, User
from webhooks_ui.people import recovery_codes

PAGE = "/account/recovery-codes"


def test_new_codes_replace_the_old_ones_and_are_shown_once(admin: FlaskClient) -> None:
    user = with_app(db.session.scalars(db.select(User)).one())
    make_codes(user)
    old = set(db.session.scalars(db.select(RecoveryCode.digest)))
    assert "The 10 codes that are left no longer work." in admin.get(f"{PAGE}/new").text
    assert set(db.session.scalars(db.select(RecoveryCode.digest))) == old
    answer = admin.post(PAGE)
    shown = admin.get(answer.headers["Location"])
    assert shown.headers["Cache-Control"] == "no-store"
    db.session.rollback()
    new = set(db.session.scalars(db.select(RecoveryCode.digest)))
    assert len(new) == 10
    assert not new & old
    assert "10 are left" in admin.get("/account").text


def test_no_code_is_said_to_be_left_if_none_is(admin: FlaskClient) -> None:
    user = with_app(db.session.scalars(db.select(User)).one())
    assert "None is left." in admin.get("/account").text
    assert "left no longer work" not in admin.get(f"{PAGE}/new").text
    make_codes(user)
    assert "10 are left." in admin.get("/account").text


def test_without_a_second_factor_there_are_none(admin: FlaskClient) -> None:
    assert "Set up a second factor first." in admin.post(PAGE, follow_redirects=True).text
    assert db.session.scalar(db.select(db.func.count(RecoveryCode.id))) == 0


def test_the_codes_of_another_are_not_shown(app: Flask, admin: FlaskClient) -> None:
    eva, browser = with_app(make_user("eva@example.com")), app.test_client()
    start_session(browser, eva)
    page = browser.post(PAGE).headers["Location"]
    assert browser.get(page).status_code == 200
    assert admin.get(page).headers["Location"] == "/account"
    assert recovery_codes.count_left(again(eva)) == 10


def test_another_secret_that_is_kept_to_be_shown_is_no_code(admin: FlaskClient) -> None:
    key = admin.post(
        "/admin/api-keys", data={"name": "Platform", "environment": "production", "scopes": "events:write"}
    )
    handle = key.headers["Location"].rpartition("/")[2]
    assert admin.get(f"{PAGE}/{handle}").headers["Location"] == "/account"
