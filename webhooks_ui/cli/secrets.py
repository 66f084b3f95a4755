"""``flask secrets``: re-encrypts the signing secrets after a change of key."""

from collections.abc import Mapping

import click
from flask import current_app

from webhooks_ui.cli.group import Group, command, plural
from webhooks_ui.database import db, writing
from webhooks_ui.models import Webhook, secret_box

BATCH_WEBHOOKS = 200


@click.group(cls=Group)
def secrets() -> None:
    """Manage the encryption of the stored signing secrets."""


@secrets.command("rotate-key")
def rotate_key() -> None:
    """Encrypt all signing secrets with the first of ENCRYPTION_KEYS. The secrets themselves don't change.

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
            rotated += sum(map(_count, batch))
            last_id = batch[-1].id if batch else last_id
        if not batch:
            break
    click.echo(f"Encrypted with the newest key: {plural(rotated, 'secret')}.")


def _count(webhook: Webhook) -> int:
    return 1 + len(webhook.older_secrets) + len(webhook.headers) + bool(webhook.auth)


def _rotate_batch(last_id: int) -> list[Webhook]:
    """Encrypt the secrets of the next webhooks with the newest key. Return these webhooks."""
    query = db.select(Webhook).where(Webhook.id > last_id).order_by(Webhook.id).limit(BATCH_WEBHOOKS)
    batch = list(db.session.scalars(query.with_for_update()))
    for webhook in batch:
        try:
            webhook.secret_encrypted = secret_box.rotate(webhook.secret_encrypted)
            webhook.older_secrets = [_rotated(older) for older in webhook.older_secrets]
            webhook.headers = [_rotated(header) for header in webhook.headers]
            webhook.auth = _rotated(webhook.auth) if webhook.auth else None
        except secret_box.InvalidToken:
            raise click.ClickException(
                f"None of ENCRYPTION_KEYS can decrypt the secrets of webhook {webhook.id} ({webhook.name}). "
                "Add the key that encrypted them, and run this command again. Keep all other keys until then."
            ) from None
    return batch


def _rotated(entry: Mapping[str, str]) -> dict[str, str]:
    """Return an entry of a JSON column with its encrypted value encrypted with the newest key."""
    return {name: secret_box.rotate(value) if name.endswith("_encrypted") else value for name, value in entry.items()}
