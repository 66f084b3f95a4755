"""Accepting an invitation."""

from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient

from tests.support.passkeys import SoftwarePasskey
from tests.support.people import actions, again, is_signed_in, last_entry, session_count
from tests.webhooks_ui.views.test_passkeys import use
from webhooks_ui.database import db, writing
from webhooks_ui.models import RecoveryCode, TokenPurpose, User, UserStatus, set_settings, utcnow
from webhooks_ui.people import accounts
from webhooks_ui.people.links import address_of

FORM = {"name": "Eva Muster", "password": "quokka lantern 9 fjord", "repeated": "quokka lantern 9 fjord"}


def invite(role: str = "operator") -> tuple[User, str]:
    """Invite Eva. Return her, and the path of the link."""
    with writing():
        user, token = accounts.invite("eva@example.com", role)
    return user, f"/invitations/{token}"


def test_the_link_is_at_the_address_of_the_portal(app: Flask) -> None:
    app.config["PUBLIC_URL"] = "https://portal.example.com"
    assert address_of(TokenPurpose.INVITATION, "abc") == "https://portal.example.com/invitations/abc"


def test_who_accepts_with_a_password_is_signed_in(client: FlaskClient) -> None:
    user, link = invite()
    page = client.get(link)
    assert "You were invited as <b>eva@example.com</b>, with the role operator." in page.text
    assert page.headers["Referrer-Policy"] in ("no-referrer", "same-origin", "strict-origin")
    answer = client.post(link, data=FORM)
    assert answer.status_code == 303
    assert client.get("/admin/webhooks").status_code == 200
    user = again(user)
    assert (user.status, user.name, user.role) == (UserStatus.ACTIVE, "Eva Muster", "operator")
    assert user.has_password(FORM["password"])
    assert "user.joined" in actions()
    assert last_entry("user.joined").actor == "eva@example.com"


def test_the_link_works_once(client: FlaskClient) -> None:
    _, link = invite()
    client.post(link, data=FORM)
    client.post("/logout")
    for answer in (client.get(link), client.post(link, data=FORM)):
        assert answer.status_code == 404
        assert "This link no longer works" in answer.text
    assert not is_signed_in(client)


def test_the_link_works_for_72_hours(client: FlaskClient) -> None:
    _, link = invite()
    with time_machine.travel(utcnow() + timedelta(hours=72, seconds=1)):
        assert client.get(link).status_code == 404
        assert client.post(link, data=FORM).status_code == 404


@pytest.mark.parametrize("token", ["x", "é", "%00", "a" * 3_000])
def test_any_other_link_leads_to_the_sign_in_page(client: FlaskClient, token: str) -> None:
    invite()
    answer = client.get(f"/invitations/{token}")
    assert answer.status_code == 404
    assert 'href="/login"' in answer.text


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"password": "short", "repeated": "short"}, "12 to 1,000 characters"),
        ({"password": "password1234", "repeated": "password1234"}, "easy to guess"),
        ({"password": "Eva.Muster.2026!", "repeated": "Eva.Muster.2026!"}, "easy to guess"),
        ({"repeated": "another one"}, "This is not the same password."),
        ({"password": ""}, "Enter a password."),
        ({"name": "x" * 101}, "at most 100 characters"),
    ],
)
def test_a_wrong_field_is_told_and_the_link_still_works(
    client: FlaskClient, wrong: dict[str, str], sentence: str
) -> None:
    user, link = invite()
    answer = client.post(link, data=FORM | wrong)
    assert answer.status_code == 422
    assert sentence in answer.text
    assert again(user).status == UserStatus.INVITED
    assert client.post(link, data=FORM).status_code == 303


def test_a_passkey_can_be_the_only_factor(client: FlaskClient) -> None:
    user, link = invite()
    phone = SoftwarePasskey()
    options = client.post(f"{link}/passkey/options").text
    answer = client.post(f"{link}/passkey", data={"answer": phone.create(options)})
    assert answer.status_code == 303
    page = client.get(answer.headers["Location"])
    assert page.status_code == 200
    assert page.text.count("<li>") >= 10
    assert db.session.scalar(db.select(db.func.count(RecoveryCode.id))) == 10
    assert (again(user).password_hash, len(user.passkeys)) == (None, 1)
    client.post("/logout")
    assert use(client, phone).status_code == 303
    assert is_signed_in(client)


def test_a_passkey_that_checks_nobody_is_refused_and_the_link_still_works(client: FlaskClient) -> None:
    user, link = invite()
    options = client.post(f"{link}/passkey/options").text
    answer = client.post(f"{link}/passkey", data={"answer": SoftwarePasskey(verifies=False).create(options)})
    assert answer.status_code == 422
    assert "The passkey was not accepted" in answer.text
    assert (again(user).status, session_count(user)) == (UserStatus.INVITED, 0)
    assert client.get(link).status_code == 200


def test_who_needs_a_second_factor_must_set_it_up_first(client: FlaskClient) -> None:
    set_settings({"second_factor_roles": ["operator"]})
    db.session.commit()
    _, link = invite()
    client.post(link, data=FORM)
    assert client.get("/admin/webhooks").headers["Location"] == "/account"
    assert "Your role requires a second factor" in client.get("/account").text


def test_without_passwords_only_the_other_ways_are_shown(app: Flask, client: FlaskClient) -> None:
    app.config["PASSWORD_SIGN_IN"] = False
    _, link = invite()
    page = client.get(link).text
    assert 'name="password"' not in page
    assert "Accept with a passkey" in page
    assert client.post(link, data=FORM).status_code == 404
