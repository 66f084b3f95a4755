"""``flask users`` creates, invites, lists and changes users, and names mistakes."""

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from flask import Flask

from config import ROOT
from tests.support.factories import make_user
from tests.support.mailbox import receiving_mail
from tests.support.people import again, session_count, with_app
from tests.webhooks_ui.cli.conftest import Run
from tests.webhooks_ui.people.test_sessions import start
from webhooks_ui.database import db
from webhooks_ui.models import AuditEntry, TokenPurpose, User, utcnow
from webhooks_ui.people import tokens


def users() -> Sequence[User]:
    db.session.rollback()
    return db.session.scalars(db.select(User)).all()


def test_a_user_is_created_with_a_password_from_stdin(run: Run) -> None:
    result = run("users", "create", "Ada@Example.com", "--role", "admin", "--password-stdin", input="lovelace 1815\n")
    assert result.exit_code == 0
    (user,) = users()
    assert (user.email, user.role) == ("ada@example.com", "admin")
    assert user.has_password("lovelace 1815")
    (entry,) = db.session.scalars(db.select(AuditEntry)).all()
    assert (entry.action, entry.object_name, entry.actor) == ("user.created", "ada@example.com", "system")


def test_the_password_is_asked_for_twice_and_not_shown(run: Run) -> None:
    result = run("users", "create", "ada@example.com", "--role", "viewer", input="lovelace 1815\nlovelace 1815\n")
    assert result.exit_code == 0
    assert users()[0].has_password("lovelace 1815")
    assert "lovelace" not in result.output


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("lövelace 1815".encode("latin-1"), "The password is not UTF-8."),
        (b"lovelace\0 1815", "A password has no control characters"),
    ],
)
def test_a_password_that_nobody_could_type_is_refused(run: Run, line: bytes, message: str) -> None:
    make_user("eva@example.com")
    for words in ("create ada@example.com --role admin", "password eva@example.com"):
        result = run("users", *words.split(), "--password-stdin", input=line)
        assert result.exit_code == 2
        assert message in result.output
    assert [user.email for user in users()] == ["eva@example.com"]


def test_without_a_terminal_the_option_is_named(app: Flask, tmp_path: Path) -> None:
    """A process of a session of its own has no terminal."""
    done = subprocess.run(
        [sys.executable, "-m", "flask", "users", "create", "ada@example.com", "--role", "admin"],
        cwd=ROOT,
        env=os.environ
        | {"INSTANCE_PATH": str(tmp_path), "DATABASE_URL": app.config["SQLALCHEMY_DATABASE_URI"]}
        | {"ENCRYPTION_KEYS": app.config["ENCRYPTION_KEYS"][0]},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        start_new_session=True,
    )
    assert done.returncode == 2
    assert done.stderr.endswith("Error: There is no terminal to ask for the password. Use --password-stdin.\n")
    assert "Warning" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "password", "message"),
    [
        (("ada@example.com", "--role", "king"), "lovelace 1815", "super_admin"),
        (("ada@example.com",), "lovelace 1815", "--role"),
        (("ada", "--role", "admin"), "lovelace 1815", "is not a valid email address"),
        (("@", "--role", "admin"), "lovelace 1815", "is not a valid email address"),
        (("a" * 250 + "@example.com", "--role", "admin"), "lovelace 1815", "is not a valid email address"),
        (("ada@example.com", "--role", "admin"), "short", "12 to 1,000 characters"),
        (("ada@example.com", "--role", "admin"), "", "12 to 1,000 characters"),
        (("ada@example.com", "--role", "admin"), "password1234", "easy to guess"),
        (("ada@example.com", "--role", "admin"), "ada@example.com", "easy to guess"),
        (("ada@example.com", "--role", "admin"), "keymanagerwebhooks", "easy to guess"),
    ],
)
def test_a_mistake_is_named_and_creates_no_user(
    run: Run, arguments: tuple[str, ...], password: str, message: str
) -> None:
    result = run("users", "create", *arguments, "--password-stdin", input=password)
    assert result.exit_code != 0
    assert message in result.output
    assert users() == []


def test_a_second_user_with_the_same_address_is_refused(run: Run) -> None:
    make_user(email="ada@example.com")
    result = run("users", "create", "ADA@example.com", "--role", "admin", "--password-stdin", input="lovelace 1815")
    assert (result.exit_code, len(users())) == (1, 1)
    assert "already" in result.output


def test_the_list_shows_roles_states_and_ways_to_sign_in(run: Run) -> None:
    make_user(email="ada@example.com", role="operator", name="Ada Lovelace")
    make_user(email="gone@example.com", deactivated_at=utcnow())
    output = run("users", "list").output
    assert re.search(r"ada@example.com +operator +active +password +\S+ .* Ada Lovelace", output)
    assert re.search(r"gone@example.com +admin +deactivated", output)


def test_an_invitation_is_printed_without_a_mail_server(run: Run, app: Flask) -> None:
    result = run("users", "invite", "Ada@Example.com", "--role", "operator")
    assert result.exit_code == 0
    link = result.stdout.strip()
    assert link.startswith(f"{app.config['PUBLIC_URL']}/invitations/")
    assert tokens.find(TokenPurpose.INVITATION, link.rpartition("/")[2]) == users()[0]
    assert "It works once, for 72 hours." in result.stderr


def test_an_invitation_is_mailed_with_a_mail_server(run: Run, app: Flask) -> None:
    with receiving_mail() as box:
        app.config["SMTP"] = box.server()
        mailed = run("users", "invite", "ada@example.com", "--role", "operator")
        assert "was mailed to ada@example.com" in mailed.output
        assert "/invitations/" in box.mails[0].text
        assert "/invitations/" not in mailed.output
        assert "/invitations/" in run("users", "invite", "ada@example.com", "--role", "operator", "--link").output
        box.refused.add("ada@example.com")
        failed = run("users", "invite", "ada@example.com", "--role", "operator")
        assert "The mail could not be sent" in failed.output
        assert "/invitations/" in failed.output


def test_a_role_is_changed_which_ends_sessions(run: Run) -> None:
    user = make_user("ada@example.com")
    start(user)
    assert run("users", "role", "ADA@example.com", "viewer").exit_code == 0
    assert (again(user).role, session_count(user)) == ("viewer", 0)


def test_a_password_is_changed_and_lets_an_invited_person_in(run: Run) -> None:
    user = make_user("ada@example.com", joined_at=None)
    result = run("users", "password", "ada@example.com", "--password-stdin", input="lovelace 1815\n")
    assert result.exit_code == 0
    assert again(user).has_password("lovelace 1815")
    assert user.status == "active"
    refused = run("users", "password", "ada@example.com", "--password-stdin", input="password1234\n")
    assert refused.exit_code != 0
    assert "easy to guess" in refused.output


def test_somebody_is_deactivated_and_activated(run: Run) -> None:
    user = make_user("ada@example.com")
    start(user)
    assert run("users", "deactivate", "ada@example.com").exit_code == 0
    assert (again(user).status, session_count(user)) == ("deactivated", 0)
    assert run("users", "activate", "ada@example.com").exit_code == 0
    assert again(user).status == "active"


def test_a_second_factor_a_link_and_sessions_are_taken_away(run: Run) -> None:
    user = with_app(make_user("ada@example.com", oidc_issuer="https://login.example.com", oidc_subject="1"))
    start(user)
    assert run("users", "end-sessions", "ada@example.com").exit_code == 0
    assert session_count(user) == 0
    assert run("users", "reset-2fa", "ada@example.com").exit_code == 0
    assert not again(user).has_second_factor
    assert run("users", "unlink", "ada@example.com").exit_code == 0
    assert not again(user).is_linked


@pytest.mark.parametrize(
    "command", ["role x@example.com admin", "deactivate x@example.com", "password x@example.com --password-stdin",
                "reset-2fa x@example.com", "activate x@example.com", "unlink x@example.com"]
)  # fmt: skip
def test_somebody_who_is_not_there_is_told_on_one_line(run: Run, command: str) -> None:
    result = run("users", *command.split(), input="lovelace 1815\n")
    assert result.exit_code == 1
    assert "There is no user x@example.com. To see all users, run:" in result.output


@pytest.mark.parametrize("command", ["role ada@example.com admin", "deactivate ada@example.com"])
def test_the_last_super_admin_stays(run: Run, command: str) -> None:
    user = make_user("ada@example.com", "super_admin")
    result = run("users", *command.split())
    assert result.exit_code == 1
    assert "is the last super admin" in result.output
    assert (again(user).role, user.status) == ("super_admin", "active")


def test_without_tables_the_command_says_how_to_create_them(run: Run) -> None:
    db.session.rollback()
    db.drop_all()
    result = run("users", "list")
    assert result.exit_code == 1
    assert " db upgrade" in result.output
