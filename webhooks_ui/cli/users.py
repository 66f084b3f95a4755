"""``flask users``: creates, invites, lists and changes the people who may sign in."""

import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from getpass import GetPassWarning

import click
from flask import current_app

from jobs.chores import account_mail
from webhooks_ui.audit import SYSTEM
from webhooks_ui.cli.group import Group, command, minute, table
from webhooks_ui.database import writing
from webhooks_ui.models import Role, TokenPurpose, User
from webhooks_ui.people import accounts, tokens
from webhooks_ui.people.links import address_of
from webhooks_ui.people.passwords import problem_of

role_choice = click.Choice([role.value for role in Role])
password_stdin = click.option(
    "--password-stdin", is_flag=True, help="Read the password from the first line of standard input."
)


@click.group(cls=Group)
def users() -> None:
    """Create, invite, list and change the people who may sign in."""


@users.command()
@click.argument("email")
@click.option("--role", required=True, type=role_choice)
@password_stdin
def create(email: str, role: str, password_stdin: bool) -> None:
    """Create the user EMAIL, who may sign in at once."""
    email = _checked_email(email)
    password = _checked_password(_read_line() if password_stdin else _ask(), email)
    with _explained(), writing():
        accounts.create(email, role, password)
    click.echo(f"{email} may now sign in as {role}.")


@users.command()
@click.argument("email")
@click.option("--role", required=True, type=role_choice)
@click.option("--link", "prints_link", is_flag=True, help="Print the link, although mail could be sent.")
def invite(email: str, role: str, prints_link: bool) -> None:
    """Invite EMAIL by a link that works once, for 72 hours. It is mailed if SMTP_URL is set, or else printed."""
    email = _checked_email(email)
    with _explained(), writing():
        user, token = accounts.invite(email, role)
        link = address_of(TokenPurpose.INVITATION, token)
    if prints_link or current_app.config["SMTP"] is None:
        click.echo(link)
        hours = tokens.HOURS[TokenPurpose.INVITATION]
        click.echo(f"Give this link to {email}. It works once, for {hours} hours.", err=True)
        return
    try:
        account_mail.mail_invitation(email, user.role, link, SYSTEM.capitalize())
    except account_mail.NotSent as error:
        click.echo(link)
        click.echo(f"The mail could not be sent: {error}. Give this link to {email} yourself.", err=True)
    else:
        click.echo(f"The invitation was mailed to {email}.")


@users.command("list")
def list_() -> None:
    """List all users."""
    head = ["EMAIL", "ROLE", "STATUS", "SIGN-IN", "LAST SEEN (UTC)", "CREATED (UTC)", "NAME"]
    click.echo(table(head, [_row(user) for user in accounts.everybody()]))


@users.command()
@click.argument("email")
@click.argument("role", type=role_choice)
def role(email: str, role: str) -> None:
    """Give the user EMAIL the role ROLE. All sessions of the user end."""
    _change(email, lambda user: accounts.set_role(user, role))
    click.echo(f"{_checked_email(email)} now has the role {role}.")


@users.command()
@click.argument("email")
@password_stdin
def password(email: str, password_stdin: bool) -> None:
    """Give the user EMAIL a new password. All sessions of the user end."""
    email = _checked_email(email)
    if accounts.find(email) is None:
        raise _unknown(email)
    new = _checked_password(_read_line() if password_stdin else _ask(), email)
    _change(email, lambda user: _set_password(user, new))
    click.echo(f"{email} has a new password.")


@users.command()
@click.argument("email")
def deactivate(email: str) -> None:
    """Keep the user EMAIL from signing in. All sessions of the user end at once."""
    _change(email, accounts.deactivate)
    click.echo(f"{_checked_email(email)} was deactivated.")


@users.command()
@click.argument("email")
def activate(email: str) -> None:
    """Let the user EMAIL sign in again who was deactivated."""
    _change(email, accounts.activate)
    click.echo(f"{_checked_email(email)} was activated.")


@users.command("reset-2fa")
@click.argument("email")
def reset_2fa(email: str) -> None:
    """Remove the authenticator app, the passkeys and the recovery codes of the user EMAIL. All sessions end."""
    _change(email, accounts.reset_second_factor)
    click.echo(f"The second factor of {_checked_email(email)} was removed.")


@users.command("end-sessions")
@click.argument("email")
def end_sessions(email: str) -> None:
    """End all sessions of the user EMAIL, who may sign in again."""
    _change(email, accounts.end_sessions)
    click.echo(f"All sessions of {_checked_email(email)} were ended.")


@users.command()
@click.argument("email")
def unlink(email: str) -> None:
    """Forget the account of the user EMAIL at the provider of single sign-on. All sessions of the user end.

    The next sign-in there links the account again, by its address.
    """
    _change(email, accounts.unlink)
    click.echo(f"{_checked_email(email)} is no longer linked to single sign-on.")


def _set_password(user: User, password: str) -> None:
    accounts.set_password(user, password)
    accounts.join(user)  # somebody who was invited may now sign in, too


def _change(email: str, do: Callable[[User], object]) -> None:
    """Do something to the user EMAIL, whose row is locked meanwhile."""
    email = _checked_email(email)
    with _explained(), writing():
        found = accounts.find(email)
        user = accounts.lock_among_super_admins(found.id) if found else None
        if user is None:
            raise _unknown(email)
        do(user)


@contextmanager
def _explained() -> Iterator[None]:
    """Turn a refused change into a message on one line."""
    try:
        yield
    except accounts.Refused as error:
        raise click.ClickException(str(error)) from error


def _unknown(email: str) -> click.ClickException:
    return click.ClickException(f"There is no user {email}. To see all users, run: {command('users list')}")


def _row(user: User) -> tuple[object, ...]:
    methods = ", ".join(accounts.sign_in_methods(user)).lower() or "-"
    return user.email, user.role, user.status, methods, minute(user.last_seen_at), minute(user.created_at), user.name


def _checked_email(text: str) -> str:
    email = accounts.normal_email(text)
    if not accounts.is_email(email):
        raise click.BadParameter(
            f"{text!r} is not a valid email address. Write it like name@example.com.", param_hint="EMAIL"
        )
    return email


def _checked_password(password: str, email: str) -> str:
    if problem := problem_of(password, [email]):
        raise click.UsageError(problem)
    return password


def _read_line() -> str:
    line = sys.stdin.buffer.readline().rstrip(b"\r\n")
    try:
        return line.decode()
    except UnicodeDecodeError:
        raise click.UsageError("The password is not UTF-8.") from None


def _ask() -> str:
    """Ask for the password twice.

    Raises:
        click.UsageError: There is no terminal, or its input can't be hidden.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error", GetPassWarning)
        try:
            answer: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
        except GetPassWarning:
            raise click.UsageError("There is no terminal to ask for the password. Use --password-stdin.") from None
    return answer
