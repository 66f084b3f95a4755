"""``flask users``: creates and lists users."""

import sys

import click

from webhooks_ui import audit
from webhooks_ui.cli.group import Group, minute, table
from webhooks_ui.database import db, writing
from webhooks_ui.models import User
from webhooks_ui.models.user import PASSWORD_MIN_CHARACTERS, Role

EMAIL_MAX_CHARACTERS = 254
PASSWORD_MAX_CHARACTERS = 1_000


@click.group(cls=Group)
def users() -> None:
    """Create and list the users who may sign in."""


@users.command()
@click.argument("email")
@click.option("--role", required=True, type=click.Choice([role.value for role in Role]))
@click.option("--password-stdin", is_flag=True, help="Read the password from the first line of standard input.")
def create(email: str, role: str, password_stdin: bool) -> None:
    """Create the user EMAIL."""
    email = _checked_email(email)
    password = _checked_password(_read_line() if password_stdin else _ask())
    with writing():
        if db.session.scalar(db.select(User.id).where(User.email == email)):
            raise click.ClickException(f"The user {email} exists already.")
        user = User(email=email, role=role)
        user.set_password(password)
        db.session.add(user)
        db.session.flush()
        audit.record("user.created", "user", user.id, email, after={"email": email, "role": role})
    click.echo(f"{email} may now sign in as {role}.")


@users.command("list")
def list_() -> None:
    """List all users."""
    found = db.session.scalars(db.select(User).order_by(User.email))
    click.echo(table(["EMAIL", "ROLE", "CREATED (UTC)"], [(u.email, u.role, minute(u.created_at)) for u in found]))


def _checked_email(text: str) -> str:
    email = text.strip().lower()
    name, at, host = email.rpartition("@")
    if not (name and at and host) or len(email) > EMAIL_MAX_CHARACTERS or not email.isprintable() or " " in email:
        raise click.BadParameter(
            f"{text!r} is not a valid e-mail address. Write it like name@example.com.", param_hint="EMAIL"
        )
    return email


def _checked_password(password: str) -> str:
    if not PASSWORD_MIN_CHARACTERS <= len(password) <= PASSWORD_MAX_CHARACTERS:
        raise click.UsageError(
            f"A password has {PASSWORD_MIN_CHARACTERS} to {PASSWORD_MAX_CHARACTERS:,} characters, "
            f"but this one has {len(password):,}."
        )
    return password


def _read_line() -> str:
    return sys.stdin.readline().rstrip("\r\n")


def _ask() -> str:
    answer: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    return answer
