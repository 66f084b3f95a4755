"""Signing in with a passkey, through the pages."""

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.support.factories import make_user
from tests.support.passkeys import SoftwarePasskey
from tests.support.people import copy_of, is_signed_in, last_entry, session_count, sign_in, with_app
from tests.webhooks_ui.people.test_passkeys import add
from webhooks_ui.database import db
from webhooks_ui.models import User, UserSession, utcnow


@pytest.fixture
def phone(client: FlaskClient) -> SoftwarePasskey:
    """Make a passkey of an admin."""
    phone = SoftwarePasskey()
    add(make_user(), phone)
    return phone


def use(client: FlaskClient, passkey: SoftwarePasskey, next: str = "") -> TestResponse:
    options = client.post("/login/passkey/options")
    assert options.status_code == 200
    query = {"next": next} if next else {}
    return client.post("/login/passkey", query_string=query, data={"answer": passkey.get(options.text)})


def test_a_passkey_signs_in_without_a_password_and_counts_as_two_factors(
    client: FlaskClient, phone: SoftwarePasskey
) -> None:
    answer = use(client, phone, next="/admin/audit-log")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/admin/audit-log")
    assert is_signed_in(client)
    assert db.session.scalars(db.select(UserSession.two_factors)).one()
    assert last_entry("user.signed_in").after == {"by": "passkey"}


def test_a_passkey_is_the_second_step_after_a_password(client: FlaskClient) -> None:
    key = SoftwarePasskey(verifies=False)
    add(make_user(), key)
    assert sign_in(client).headers["Location"] == "/login/second-factor"
    assert "Use your passkey" in client.get("/login/second-factor").text
    assert use(client, key).status_code == 303
    assert is_signed_in(client)
    assert last_entry("user.signed_in").after == {"by": "password and passkey"}


def test_a_passkey_of_another_is_no_second_step(client: FlaskClient, phone: SoftwarePasskey) -> None:
    with_app(make_user("eva@example.com"))
    sign_in(client, "eva@example.com")
    answer = use(client, phone)
    assert answer.status_code == 422
    assert "The passkey was not accepted" in answer.text
    assert not is_signed_in(client)
    assert last_entry("user.sign_in_failed").object_name == "eva@example.com"


@pytest.mark.parametrize("answer", ["", "{}", "nonsense", "\0"])
def test_anything_else_is_refused_with_another_way(client: FlaskClient, phone: SoftwarePasskey, answer: str) -> None:
    client.post("/login/passkey/options")
    page = client.post("/login/passkey", data={"answer": answer})
    assert page.status_code == 422
    assert "Try again, or use another way to sign in" in page.text
    assert not is_signed_in(client)


def test_an_answer_nobody_asked_for_is_refused(client: FlaskClient, phone: SoftwarePasskey) -> None:
    options = client.post("/login/passkey/options").text
    client.post("/login/passkey", data={"answer": "{}"})  # uses the challenge up
    assert client.post("/login/passkey", data={"answer": phone.get(options)}).status_code == 422


def test_a_copied_cookie_and_answer_sign_nobody_in_again(client: FlaskClient, phone: SoftwarePasskey) -> None:
    phone.counts = False
    options = client.post("/login/passkey/options").text
    thief, answer = copy_of(client), phone.get(options)
    assert client.post("/login/passkey", data={"answer": answer}).status_code == 303
    assert thief.post("/login/passkey", data={"answer": answer}).status_code == 422
    assert not is_signed_in(thief)


def test_who_is_deactivated_gets_in_by_no_passkey(client: FlaskClient, phone: SoftwarePasskey) -> None:
    db.session.execute(db.update(User).values(deactivated_at=utcnow()))
    db.session.commit()
    assert use(client, phone).status_code == 422
    assert session_count(db.session.scalars(db.select(User)).one()) == 0


def test_where_browsers_allow_none_no_passkey_is_offered(app: Flask, client: FlaskClient) -> None:
    assert "Use a passkey" in client.get("/login").text
    app.config["PUBLIC_URL"] = "http://portal.example.com"
    assert "Use a passkey" not in client.get("/login").text
    assert client.post("/login/passkey/options").status_code == 404
    assert client.post("/login/passkey", data={"answer": "{}"}).status_code in (404, 422)


def test_the_answer_can_be_reloaded(client: FlaskClient) -> None:
    assert client.get("/login/passkey?next=/admin/webhooks").headers["Location"] == "/login?next=/admin/webhooks"


def test_wrong_passkeys_are_counted(client: FlaskClient, phone: SoftwarePasskey) -> None:
    answers = [client.post("/login/passkey", data={"answer": "{}"}).status_code for _ in range(11)]
    assert answers == [422] * 10 + [429]


def test_without_javascript_no_empty_part_for_passkeys_is_left(client: FlaskClient) -> None:
    assert '<div class="others" data-needs-script>' in client.get("/login").text
