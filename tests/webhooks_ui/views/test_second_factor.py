"""The second step of signing in."""

from datetime import timedelta

import pytest
import time_machine
from flask.testing import FlaskClient

from tests.support.factories import make_user
from tests.support.people import (
    PASSWORD,
    actions,
    again,
    code_of,
    is_signed_in,
    last_entry,
    make_codes,
    session_count,
    sign_in,
    with_app,
)
from webhooks_ui.database import db, writing
from webhooks_ui.models import User, utcnow
from webhooks_ui.people import accounts
from webhooks_ui.people.second_factor import WRONG_CODES_MAX

STEP = "/login/second-factor"


@pytest.fixture
def user(client: FlaskClient) -> User:
    """Make somebody with an authenticator app, who has typed the password."""
    user = with_app(make_user())
    assert sign_in(client).headers["Location"] == STEP
    return user


def test_a_password_alone_opens_nothing(client: FlaskClient, user: User) -> None:
    assert "You sign in as <b>admin@example.com</b>" in client.get(STEP).text
    assert not is_signed_in(client)
    assert client.get("/admin/webhooks").status_code == 302
    assert (session_count(user), actions()) == (0, [])


def test_the_code_signs_in_and_leads_to_the_page_that_was_wanted(client: FlaskClient) -> None:
    user = with_app(make_user())
    first = client.post("/login?next=/admin/audit-log", data={"email": user.email, "password": PASSWORD})
    assert first.headers["Location"] == f"{STEP}?next=/admin/audit-log"
    second = client.post(first.headers["Location"], data={"code": code_of(user)})
    assert (second.status_code, second.headers["Location"]) == (303, "/admin/audit-log")
    assert is_signed_in(client)
    assert last_entry("user.signed_in").after == {"by": "password and authenticator app"}


def test_a_web_server_whose_clock_is_behind_asks_for_the_code(client: FlaskClient, user: User) -> None:
    with time_machine.travel(utcnow() - timedelta(seconds=2)):
        assert client.post(STEP, data={"code": code_of(user)}).status_code == 303
        assert is_signed_in(client)


def test_a_recovery_code_signs_in_once(client: FlaskClient, user: User) -> None:
    codes = make_codes(user)
    assert client.post(STEP, data={"code": codes[0]}).status_code == 303
    client.post("/logout")
    sign_in(client)
    assert client.post(STEP, data={"code": codes[0]}).status_code == 422
    assert client.post(STEP, data={"code": codes[1].upper()}).status_code == 303


@pytest.mark.parametrize(
    ("code", "sentence"),
    [("000000", "This code is wrong"), ("", "Enter the code"), ("9" * 41, "The code is too long"), ("\0", "is wrong")],
)
def test_a_wrong_code_is_told_and_may_be_tried_again(client: FlaskClient, user: User, code: str, sentence: str) -> None:
    answer = client.post(STEP, data={"code": code})
    assert answer.status_code == 422
    assert sentence in answer.text
    assert 'aria-invalid="true"' in answer.text
    assert client.post(STEP, data={"code": code_of(user)}).status_code == 303


def test_after_ten_wrong_codes_even_the_right_one_waits(client: FlaskClient, user: User) -> None:
    for _ in range(WRONG_CODES_MAX):
        answer = client.post(STEP, data={"code": "000000"})
    assert "Wait 15 minutes" in answer.text
    assert client.post(STEP, data={"code": code_of(user)}).status_code == 422
    assert last_entry("user.sign_in_failed").after == {"reason": "too many wrong codes"}
    assert not is_signed_in(client)


def test_without_a_password_the_step_begins_at_the_first_one(client: FlaskClient) -> None:
    user = with_app(make_user())
    for answer in (client.get(STEP), client.post(STEP, data={"code": code_of(user)})):
        assert answer.headers["Location"].startswith("/login")
    assert not is_signed_in(client)


def test_the_second_step_must_follow_within_ten_minutes(client: FlaskClient, user: User) -> None:
    with time_machine.travel(utcnow() + timedelta(minutes=10, seconds=1)):
        assert client.post(STEP, data={"code": code_of(user)}).headers["Location"].startswith("/login")
    assert not is_signed_in(client)


@pytest.mark.parametrize(
    ("change", "arguments"), [("deactivate", ()), ("set_password", ("a new password 9",)), ("reset_second_factor", ())]
)
def test_a_change_meanwhile_ends_the_half_sign_in(
    client: FlaskClient, user: User, change: str, arguments: tuple[str, ...]
) -> None:
    code = code_of(user)
    with writing():
        getattr(accounts, change)(accounts.lock_among_super_admins(user.id), *arguments)
    assert client.post(STEP, data={"code": code}).headers["Location"].startswith("/login")
    assert not is_signed_in(client)


def test_starting_again_forgets_the_first_step(client: FlaskClient, user: User) -> None:
    client.get("/login")
    assert client.post(STEP, data={"code": code_of(user)}).headers["Location"].startswith("/login")


def test_the_cookie_says_nothing_of_the_secret(client: FlaskClient, user: User) -> None:
    with client.session_transaction() as cookie:
        assert set(cookie["half_signed_in"]) == {"user", "method", "mark", "at"}
    db.session.rollback()
    assert (again(user).totp_secret_encrypted or "none") not in str(cookie)
