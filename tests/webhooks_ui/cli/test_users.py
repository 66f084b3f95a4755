"""``flask users`` creates and lists users, and names mistakes."""

from collections.abc import Sequence

import pytest

from tests.support.factories import make_user
from tests.webhooks_ui.cli.conftest import Run
from webhooks_ui.database import db
from webhooks_ui.models import AuditEntry, User


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
    ("arguments", "password", "message"),
    [
        (("ada@example.com", "--role", "king"), "lovelace 1815", "super_admin"),
        (("ada@example.com",), "lovelace 1815", "--role"),
        (("ada", "--role", "admin"), "lovelace 1815", "is not a valid e-mail address"),
        (("@", "--role", "admin"), "lovelace 1815", "is not a valid e-mail address"),
        (("a" * 250 + "@example.com", "--role", "admin"), "lovelace 1815", "is not a valid e-mail address"),
        (("ada@example.com", "--role", "admin"), "short", "8 to 1,000 characters"),
        (("ada@example.com", "--role", "admin"), "", "8 to 1,000 characters"),
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


def test_the_list_shows_users_and_roles(run: Run) -> None:
    make_user(email="ada@example.com", role="operator")
    assert "ada@example.com  operator" in run("users", "list").output


def test_without_tables_the_command_says_how_to_create_them(run: Run) -> None:
    db.session.rollback()
    db.drop_all()
    result = run("users", "list")
    assert result.exit_code == 1
    assert " db upgrade" in result.output
