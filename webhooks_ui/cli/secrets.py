"""``flask secrets``: re-encrypts the stored secrets after a change of key."""

import click
from flask import current_app

from webhooks_ui import audit
from webhooks_ui.cli.group import Group, command, plural
from webhooks_ui.database import db, writing
from webhooks_ui.models import User, Webhook, secret_box

BATCH_WEBHOOKS = 200


@click.group(cls=Group)
def secrets() -> None:
    """Manage the encryption of the stored secrets."""


@secrets.command("rotate-key")
def rotate_key() -> None:
    """Encrypt all signing and authenticator secrets with the first of ENCRYPTION_KEYS. The secrets don't change.

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
    rotated = last_id = 0
    while True:
        with writing():
            batch = _rotate_batch(last_id)
            rotated += sum(1 + len(webhook.older_secrets) for webhook in batch)
            last_id = batch[-1].id if batch else last_id
        if not batch:
            break
    with writing():
        rotated += _rotate_authenticators()
        audit.record("secrets.rotated", "secrets", None, after={"secrets": rotated})
    click.echo(f"Encrypted with the newest key: {plural(rotated, 'secret')}.")


def _rotate_authenticators() -> int:
    """Encrypt the secrets of authenticator apps with the newest key. Return how many there are."""
    query = db.select(User).where(User.totp_secret_encrypted.is_not(None)).order_by(User.id)
    users = list(db.session.scalars(query.with_for_update()))
    for user in users:
        try:
            user.totp_secret_encrypted = secret_box.rotate(user.totp_secret_encrypted or "")
        except secret_box.InvalidToken:
            raise click.ClickException(
                f"None of ENCRYPTION_KEYS can decrypt the authenticator secret of {user.email}. "
                f"Add the key that encrypted it, or remove it: {command(f'users reset-2fa {user.email}')}"
            ) from None
    return len(users)


def _rotate_batch(last_id: int) -> list[Webhook]:
    """Encrypt the secrets of the next webhooks with the newest key. Return these webhooks."""
    query = db.select(Webhook).where(Webhook.id > last_id).order_by(Webhook.id).limit(BATCH_WEBHOOKS)
    batch = list(db.session.scalars(query.with_for_update()))
    for webhook in batch:
        try:
            webhook.secret_encrypted = secret_box.rotate(webhook.secret_encrypted)
            webhook.older_secrets = [
                older | {"secret_encrypted": secret_box.rotate(older["secret_encrypted"])}
                for older in webhook.older_secrets
            ]
        except secret_box.InvalidToken:
            raise click.ClickException(
                f"None of ENCRYPTION_KEYS can decrypt the secret of webhook {webhook.id} ({webhook.name}). "
                "Add the key that encrypted it, and run this command again. Keep all other keys until then."
            ) from None
    return batch
