"""``flask secrets``: the keys that signing secrets are encrypted with."""

import click
from flask import current_app

from webhooks_ui.cli.group import Group
from webhooks_ui.database import db, writing
from webhooks_ui.models import Webhook, secret_box

BATCH_WEBHOOKS = 200


@click.group(cls=Group)
def secrets() -> None:
    """Look after the webhooks' signing secrets, as they are stored."""


@secrets.command("rotate-key")
def rotate_key() -> None:
    """Encrypt all signing secrets with the newest of ENCRYPTION_KEYS. The secrets themselves stay.

    To change the key: make one with

    \b
        python -c "from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())"

    put it before the old one in ENCRYPTION_KEYS (new,old; without that setting: in the file encryption_keys in the
    instance folder), restart, run this command, and only then take the old one out and restart again.
    """
    if len(current_app.config["ENCRYPTION_KEYS"]) == 1:
        click.echo("ENCRYPTION_KEYS has one key; flask secrets rotate-key --help says how to add one first.", err=True)
    rotated = last_id = 0
    while True:
        with writing():
            batch = _rotate_batch(last_id)
            rotated += sum(2 if webhook.previous_secret_encrypted else 1 for webhook in batch)
            last_id = batch[-1].id if batch else last_id
        if not batch:
            break
    click.echo(f"Encrypted with the newest key: {rotated} secrets.")


def _rotate_batch(last_id: int) -> list[Webhook]:
    """Encrypt the secrets of the next webhooks anew, and return these webhooks."""
    query = db.select(Webhook).where(Webhook.id > last_id).order_by(Webhook.id).limit(BATCH_WEBHOOKS)
    batch = list(db.session.scalars(query.with_for_update()))
    for webhook in batch:
        try:
            webhook.secret_encrypted = secret_box.rotate(webhook.secret_encrypted)
            if webhook.previous_secret_encrypted:
                webhook.previous_secret_encrypted = secret_box.rotate(webhook.previous_secret_encrypted)
        except secret_box.InvalidToken:
            raise click.ClickException(
                f"None of ENCRYPTION_KEYS made the secret of webhook {webhook.id} ({webhook.name}). "
                "Add the key that did, and run this again; keep all other keys until then."
            ) from None
    return batch
