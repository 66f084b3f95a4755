"""What invitations and links for new passwords say."""

from collections.abc import Iterator

import pytest
from flask import Flask

from jobs.chores import account_mail
from tests.support.factories import make_user
from tests.support.mailbox import Mailbox, receiving_mail
from tests.support.people import last_entry
from webhooks_ui.database import db
from webhooks_ui.models import TokenPurpose
from webhooks_ui.people import tokens

LINK = "https://portal.example.com/invitations/abc"


@pytest.fixture
def box(app: Flask) -> Iterator[Mailbox]:
    with receiving_mail() as box:
        app.config["SMTP"] = box.server()
        yield box


def test_an_invitation_says_who_invites_to_what_and_how_long_it_works(box: Mailbox) -> None:
    account_mail.mail_invitation("eva@example.com", "super_admin", LINK, "Adam")
    (mail,) = box.mails
    assert mail.message["Subject"] == "You are invited to KeyManager"
    assert "Adam invites you to the KeyManager portal, with the role super admin." in mail.text
    assert "within 72 hours. It works once:" in mail.text
    assert LINK in mail.text.splitlines()


@pytest.mark.parametrize("by", ["Adam\nBcc: all@example.com", "Ädäm", "a" * 100])
def test_the_name_of_who_invites_may_be_anything(box: Mailbox, by: str) -> None:
    account_mail.mail_invitation("eva@example.com", "viewer", LINK, by)
    assert box.mails[0].recipients == ["eva@example.com"]
    assert box.mails[0].message["Bcc"] is None


def test_a_link_for_a_new_password_works_and_stands_in_the_audit_log(box: Mailbox) -> None:
    user = make_user()
    account_mail.mail_new_password("Admin@example.com")
    (mail,) = box.mails
    assert mail.message["Subject"] == "Your new password for KeyManager"
    assert "within 24 hours" in mail.text
    link = next(line for line in mail.text.splitlines() if line.startswith("http"))
    db.session.rollback()
    assert tokens.find(TokenPurpose.NEW_PASSWORD, link.rpartition("/")[2]) == user
    assert last_entry("user.password_link_sent").actor == "system"


@pytest.mark.parametrize("answer", ["550 No", "451 Later"])
def test_a_refusal_is_told_in_one_line(box: Mailbox, answer: str) -> None:
    box.answer = answer
    with pytest.raises(account_mail.NotSent) as error:
        account_mail.mail_link("eva@example.com", LINK)
    assert str(error.value)
    assert "\n" not in str(error.value)


def test_without_a_server_it_says_which_setting_is_missing(app: Flask) -> None:
    with pytest.raises(account_mail.NotSent, match="SMTP_URL is not set"):
        account_mail.mail_link("eva@example.com", LINK)
