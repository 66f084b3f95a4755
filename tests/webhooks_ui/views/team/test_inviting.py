"""Inviting people."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient

from tests.support.factories import make_user
from tests.support.http import form_token
from tests.support.mailbox import receiving_mail
from tests.support.people import last_entry
from webhooks_ui.database import db
from webhooks_ui.forms.team import WHAT_ROLES_MAY
from webhooks_ui.models import AuditEntry, OneTimeToken, User, utcnow
from webhooks_ui.models.visible import words
from webhooks_ui.web import form_tokens

SignIn = Callable[[str], FlaskClient]
TEAM = "/admin/team"
FORM = {"email": "Eva@example.com", "name": "Eva Muster", "role": "operator"}


@pytest.fixture
def owner(sign_in: SignIn) -> FlaskClient:
    return sign_in("super_admin")


def shown_link(page: str) -> str:
    found = re.search(r'id="link-text"[^>]*>(http[^<]+)</textarea>', page)
    assert found, "the page shows no link"
    return found[1]


def invited() -> list[User]:
    db.session.rollback()
    return list(db.session.scalars(db.select(User).where(User.joined_at.is_(None))))


def test_who_chooses_a_role_reads_what_each_may_do(owner: FlaskClient) -> None:
    for path in (f"{TEAM}/new", f"{TEAM}/1"):
        page = owner.get(path).text
        assert 'aria-describedby="role-hint"' in page
        for role, may in WHAT_ROLES_MAY.items():
            assert f"<b>{words(role)}</b>: {may}." in page.partition('id="role-hint"')[2]


def test_without_a_mail_server_the_link_is_shown_to_copy_and_works(app: Flask, owner: FlaskClient) -> None:
    assert "No mail server is set" in owner.get(f"{TEAM}/new").text
    answer = owner.post(TEAM, data=FORM, follow_redirects=True)
    link = shown_link(answer.text)
    (eva,) = invited()
    assert (eva.email, eva.name, eva.role) == ("eva@example.com", "Eva Muster", "operator")
    assert link.startswith(f"{app.config['PUBLIC_URL']}/invitations/")
    assert answer.headers["Cache-Control"] == "no-store"
    assert app.test_client().get(link.removeprefix(app.config["PUBLIC_URL"])).status_code == 200
    entry = last_entry("user.invited")
    assert (entry.actor, entry.after) == (
        "super_admin@example.com",
        {"email": "eva@example.com", "role": "operator"},
    )


def test_the_link_is_found_nowhere_in_the_database(app: Flask, owner: FlaskClient) -> None:
    token = shown_link(owner.post(TEAM, data=FORM, follow_redirects=True).text).rpartition("/")[2]
    for table in db.metadata.sorted_tables:
        assert token not in str(db.session.execute(db.select(table)).all()), table.name


def test_the_page_with_the_link_is_gone_after_five_minutes(owner: FlaskClient) -> None:
    page = owner.post(TEAM, data=FORM).headers["Location"]
    assert owner.get(page).status_code == 200
    with time_machine.travel(utcnow() + timedelta(minutes=5, seconds=1)):
        assert "A link is shown only once" in owner.get(page, follow_redirects=True).text


def test_the_page_shows_a_link_of_that_person_alone(owner: FlaskClient) -> None:
    page = owner.post(TEAM, data=FORM).headers["Location"]
    handle = page.rpartition("/")[2]
    other = f"{TEAM}/{make_user('ben@example.com').id}/link/{handle}"
    assert "A link is shown only once" in owner.get(other, follow_redirects=True).text
    owner.post(TEAM, data=FORM)  # ends the older link
    assert "A link is shown only once" in owner.get(page, follow_redirects=True).text


def test_the_page_shows_nothing_else_that_is_kept_to_be_shown(owner: FlaskClient) -> None:
    form_tokens.seal_apart("codes-of-others", "ABCD-EFGH IJKL-MNOP")
    db.session.commit()
    answer = owner.get(f"{TEAM}/1/link/codes-of-others", follow_redirects=True)
    assert "A link is shown only once" in answer.text
    assert "ABCD-EFGH" not in answer.text


def test_a_form_that_is_sent_twice_invites_once(owner: FlaskClient) -> None:
    form = FORM | {"form_token": form_token(owner.get(f"{TEAM}/new").text)}
    first, second = (owner.post(TEAM, data=form, follow_redirects=True) for _ in range(2))
    assert shown_link(first.text) == shown_link(second.text)
    assert len(invited()) == 1
    assert db.session.scalar(db.select(db.func.count()).select_from(OneTimeToken)) == 1


def test_with_a_mail_server_the_link_is_mailed_and_not_shown(app: Flask, owner: FlaskClient) -> None:
    with receiving_mail() as box:
        app.config["SMTP"] = box.server()
        assert "It is mailed through 127.0.0.1." in owner.get(f"{TEAM}/new").text
        page = owner.post(TEAM, data=FORM, follow_redirects=True).text
    assert "The invitation was mailed to eva@example.com." in page
    assert "/invitations/" not in page
    (mail,) = box.mails
    assert mail.recipients == ["eva@example.com"]
    assert "super_admin@example.com invites you to the KeyManager portal, with the role operator." in mail.text
    link = next(line for line in mail.text.splitlines() if "/invitations/" in line)
    assert app.test_client().get(link.removeprefix(app.config["PUBLIC_URL"])).status_code == 200


def test_a_mail_that_can_not_be_sent_leaves_the_link_to_copy(app: Flask, owner: FlaskClient) -> None:
    with receiving_mail() as box:
        box.refused.add("eva@example.com")
        app.config["SMTP"] = box.server()
        page = owner.post(TEAM, data=FORM, follow_redirects=True).text
    assert "could not be sent" in page
    assert shown_link(page)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"email": ""}, "Enter an email address."),
        ({"email": "eva"}, "This is not an email address."),
        ({"email": "eva@example.com\0"}, "This is not an email address."),
        ({"role": "king"}, "The role must be one of super_admin, admin, operator, viewer."),
        ({"name": "x" * 101}, "The name can have at most 100 characters."),
        ({"email": "SUPER_ADMIN@example.com"}, "The user super_admin@example.com exists already."),
    ],
)
def test_a_wrong_field_is_told_and_nobody_is_invited(owner: FlaskClient, wrong: dict[str, str], sentence: str) -> None:
    answer = owner.post(TEAM, data=FORM | wrong)
    assert answer.status_code == 422
    assert sentence in answer.text
    assert 'aria-invalid="true"' in answer.text
    assert invited() == []


def test_inviting_again_makes_a_new_link_and_ends_the_old_one(app: Flask, owner: FlaskClient) -> None:
    first = shown_link(owner.post(TEAM, data=FORM, follow_redirects=True).text)
    (eva,) = invited()
    asked = owner.get(f"{TEAM}/{eva.id}/invite-again")
    assert "The older invitation no longer works." in asked.text
    second = shown_link(owner.post(f"{TEAM}/{eva.id}/invite-again", follow_redirects=True).text)
    client, base = app.test_client(), app.config["PUBLIC_URL"]
    assert client.get(first.removeprefix(base)).status_code == 404
    assert client.get(second.removeprefix(base)).status_code == 200


@pytest.mark.parametrize("name", ["invite-again", "reset-password"])
def test_a_double_click_makes_one_link(owner: FlaskClient, name: str) -> None:
    person = make_user("eva@example.com", joined_at=None if name == "invite-again" else utcnow())
    page = f"{TEAM}/{person.id}/{name}"
    form = {"form_token": form_token(owner.get(page).text)}
    first, second = (owner.post(page, data=form, follow_redirects=True) for _ in range(2))
    assert shown_link(first.text) == shown_link(second.text)


def test_a_double_click_mails_one_link(app: Flask, owner: FlaskClient) -> None:
    page = f"{TEAM}/{make_user('eva@example.com').id}/reset-password"
    form = {"form_token": form_token(owner.get(page).text)}
    with receiving_mail() as box:
        app.config["SMTP"] = box.server()
        for _ in range(2):
            owner.post(page, data=form)
    assert len(box.mails) == 1


def test_an_admin_invites_nobody(admin: FlaskClient) -> None:
    assert admin.get(f"{TEAM}/new").status_code == 403
    assert admin.post(TEAM, data=FORM).status_code == 403
    make_user("eva@example.com", joined_at=None)
    assert admin.post(f"{TEAM}/2/invite-again").status_code == 403
    assert db.session.scalar(db.select(db.func.count(AuditEntry.id))) == 0
