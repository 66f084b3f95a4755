"""``flask api-keys``: creates, lists and revokes API keys."""

import click

from webhooks_ui import api_keys as keys
from webhooks_ui.cli.group import Group, command, environment_option, minute, table
from webhooks_ui.database import db, writing
from webhooks_ui.models import ApiKey
from webhooks_ui.models.api_key import NAME_MAX_CHARACTERS, RATE_PER_MINUTE_DEFAULT, RATE_PER_MINUTE_MAX
from webhooks_ui.parsing import ID_MAX


@click.group("api-keys", cls=Group)
def api_keys() -> None:
    """Create, list and revoke API keys."""


@api_keys.command()
@click.argument("name")
@environment_option
@click.option(
    "--rate-per-minute",
    type=click.IntRange(1, RATE_PER_MINUTE_MAX),
    default=RATE_PER_MINUTE_DEFAULT,
    show_default=True,
    help="How many requests the key may make in a minute.",
)
def create(name: str, environment: str, rate_per_minute: int) -> None:
    """Create a key called NAME and print it. It is shown only this once."""
    name = name.strip()
    if not 0 < len(name) <= NAME_MAX_CHARACTERS or not name.isprintable():
        raise click.BadParameter(f"Use 1 to {NAME_MAX_CHARACTERS} printable characters.", param_hint="NAME")
    with writing():
        _, text = keys.create({"name": name, "environment": environment, "rate_per_minute": rate_per_minute})
    click.echo(text)
    click.echo("Copy the key now. It is stored as a hash and can't be shown again.", err=True)


@api_keys.command("list")
def list_() -> None:
    """List all keys. The list shows only the beginning of each key."""
    head = ["ID", "NAME", "KEY", "ENVIRONMENT", "PER MINUTE", "CREATED (UTC)", "LAST USED", "REVOKED"]
    click.echo(table(head, [_row(key) for key in db.session.scalars(db.select(ApiKey).order_by(ApiKey.id))]))


@api_keys.command()
@click.argument("key_id", metavar="ID", type=click.IntRange(1, ID_MAX))
def revoke(key_id: int) -> None:
    """Revoke the key with the given ID at once and for good."""
    with writing():
        key = db.session.get(ApiKey, key_id)
        if key is None:
            raise click.ClickException(f"There is no key {key_id}. To see all keys, run: {command('api-keys list')}")
        if not keys.revoke(key):
            raise click.ClickException(f"Key {key_id} was already revoked on {minute(key.revoked_at)} UTC.")
    click.echo(f"Revoked the key {key.name} ({key.prefix}…).")


def _row(key: ApiKey) -> tuple[object, ...]:
    times = (minute(at) for at in (key.created_at, key.last_used_at, key.revoked_at))
    return key.id, key.name, f"{key.prefix}…", key.environment, key.rate_per_minute, *times
