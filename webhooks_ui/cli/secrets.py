"""``flask secrets``: re-encrypts the stored secrets after a change of key, and goes on after a loss of keys."""

from collections.abc import Mapping
from typing import Any

import click
from flask import current_app

from webhooks_ui import audit
from webhooks_ui.cli.group import Group, command, plural
from webhooks_ui.database import db, writing
from webhooks_ui.models import InspectedRequest, User, Webhook, key_check, secret_box
from webhooks_ui.models.kept_json import Damaged
from webhooks_ui.webhooks import unreadable

BATCH_WEBHOOKS = 200
BATCH_REQUESTS = 20  # of up to 256 KiB


@click.group(cls=Group)
def secrets() -> None:
    """Manage the encryption of the stored secrets."""


@secrets.command("rotate-key")
def rotate_key() -> None:
    """Encrypt all that is stored encrypted with the first of ENCRYPTION_KEYS. What it says doesn't change.

    That is: signing secrets, headers, passwords, tokens and client certificates of webhooks, secrets of authenticator
    apps, and the requests that inspectors keep.

    To change the key:

    \b
    1. Make a new key:
       .venv/bin/python -c "from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())"
    2. Put it before the old one in ENCRYPTION_KEYS: new,old
       If you don't set ENCRYPTION_KEYS, change the file encryption_keys in the instance folder.
    3. Restart the service.
    4. Run this command.
    5. Remove the old key and restart again.
    """
    if len(current_app.config["ENCRYPTION_KEYS"]) == 1:
        click.echo(
            f"ENCRYPTION_KEYS has only one key. To add one, see: {command('secrets rotate-key --help')}",
            err=True,
        )
    if not key_check.are_keys_right():
        raise click.ClickException(key_check.WRONG_KEYS)
    rotated, lost_secrets, lost_headers = _rotate_webhooks()
    _rotate_inspected()
    with writing():
        authenticators, problems = _rotate_authenticators()
        rotated += authenticators
        key_check.keep_anew()
        audit.record("secrets.rotated", "secrets", None, after={"secrets": rotated})
    click.echo(f"Encrypted with the newest key: {plural(rotated, 'secret')}.")
    if lost_secrets:
        problems.append(_sentence("the signing secrets", lost_secrets, "give these webhooks new secrets"))
    if lost_headers:
        repair = (
            "edit these webhooks and type the values of their headers, their passwords and tokens again, and paste "
            "their client certificates again"
        )
        problems.append(_sentence("headers, credentials or client certificates", lost_headers, repair))
    if problems:
        raise click.ClickException("\n".join(problems))


@secrets.command("accept-keys")
def accept_keys() -> None:
    """Go on with the present ENCRYPTION_KEYS, although others were lost for good.

    The product then starts again. The webhooks whose secrets can't be decrypted say so on their pages. Their deliveries
    wait until they get new secrets.
    """
    unreadable.mark()
    lost = len(unreadable.unreadable_ids())
    with writing():
        key_check.keep_anew()
        audit.record("secrets.keys_accepted", "secrets", None, after={"webhooks_to_repair": lost})
    click.echo("The product starts with the present ENCRYPTION_KEYS from now on.")
    click.echo(f"Webhooks with secrets that they can't decrypt: {lost:,}.")


def _sentence(what: str, lost: list[str], repair: str) -> str:
    return (
        f"None of ENCRYPTION_KEYS can decrypt {what} of {', '.join(lost)}. Add the key that encrypted them, "
        f"and run this command again, or {repair}."
    )


def _rotate_webhooks() -> tuple[int, list[str], list[str]]:
    """Encrypt all secrets with the newest key.

    Return how many, the webhooks with a signing secret that can't be decrypted, and those with such a header or
    credential. Deleted webhooks don't need theirs any more, so that they aren't named.
    """
    rotated, last_id = 0, 0
    lost_secrets: list[str] = []
    lost_headers: list[str] = []
    while True:
        with writing():
            query = db.select(Webhook).where(Webhook.id > last_id).order_by(Webhook.id).limit(BATCH_WEBHOOKS)
            batch = list(db.session.scalars(query.with_for_update(key_share=True)))
            for webhook in batch:
                name = f"webhook {webhook.id} ({webhook.name})"
                for done, lost in ((_rotate_secrets(webhook), lost_secrets), (_rotate_headers(webhook), lost_headers)):
                    rotated += done.count
                    if not done.is_whole and not webhook.is_deleted:
                        lost.append(name)
            last_id = batch[-1].id if batch else last_id
        if not batch:
            return rotated, lost_secrets, lost_headers


def _rotate_inspected() -> None:
    """Encrypt what inspectors keep of their requests. What can't be decrypted says so on its page, and goes in days."""
    last_id = 0
    while True:
        with writing():
            query = db.select(InspectedRequest).where(InspectedRequest.id > last_id).order_by(InspectedRequest.id)
            batch = list(db.session.scalars(query.limit(BATCH_REQUESTS).with_for_update()))
            for request in batch:
                request.head_encrypted = _Rotation().value(request.head_encrypted)
            last_id = batch[-1].id if batch else last_id
        if not batch:
            return


def _rotate_authenticators() -> tuple[int, list[str]]:
    """Encrypt the secrets of authenticator apps with the newest key. Return how many, and a sentence per other one.

    The caller commits.
    """
    query = db.select(User).where(User.totp_secret_encrypted.is_not(None)).order_by(User.id)
    lost = []
    users = list(db.session.scalars(query.with_for_update()))
    for user in users:
        try:
            user.totp_secret_encrypted = secret_box.rotate(user.totp_secret_encrypted or "")
        except secret_box.Undecryptable:
            lost.append(
                f"None of ENCRYPTION_KEYS can decrypt the authenticator secret of {user.email}. "
                f"Add the key that encrypted it, or remove it: {command(f'users reset-2fa {user.email}')}"
            )
    return len(users) - len(lost), lost


class _Rotation:
    """Encrypts values with the newest key. A value that can't be decrypted stays as it is."""

    def __init__(self) -> None:
        self.count, self.is_whole = 0, True

    def value(self, encrypted: str) -> str:
        try:
            again = secret_box.rotate(encrypted)
        except secret_box.Undecryptable:
            self.is_whole = False
            return encrypted
        self.count += 1
        return again

    def column(self, webhook: Webhook, name: str) -> None:
        """Encrypt what a JSON column has: an entry, or a list of them. One that can't be read stays as it is."""
        stored = getattr(webhook, name)
        if isinstance(stored, Damaged):
            self.is_whole = False
        elif stored:
            setattr(webhook, name, self._entry(stored) if isinstance(stored, dict) else list(map(self._entry, stored)))

    def _entry(self, entry: Mapping[str, Any]) -> dict[str, Any]:
        return {name: self.value(value) if name.endswith("_encrypted") else value for name, value in entry.items()}


def _rotate_secrets(webhook: Webhook) -> _Rotation:
    """Encrypt the signing secrets of a webhook."""
    rotation = _Rotation()
    webhook.secret_encrypted = rotation.value(webhook.secret_encrypted)
    rotation.column(webhook, "older_secrets")
    return rotation


def _rotate_headers(webhook: Webhook) -> _Rotation:
    """Encrypt the headers, the credentials and the client certificate of a webhook."""
    rotation = _Rotation()
    for name in ("headers", "auth", "client_certificate"):
        rotation.column(webhook, name)
    return rotation
