"""``flask api-keys``: what lets publishers in."""

import click

from webhooks_ui import api_keys as keys
from webhooks_ui.cli.group import Group, environment_option, minute, table
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
    help="How many requests a minute it may make.",
)
def create(name: str, environment: str, rate_per_minute: int) -> None:
    """Create a key called NAME and print it, this once."""
    name = name.strip()
    if not 0 < len(name) <= NAME_MAX_CHARACTERS or not name.isprintable():
        raise click.BadParameter(f"A name has 1 to {NAME_MAX_CHARACTERS} printable characters.", param_hint="NAME")
    with writing():
        _, text = keys.create({"name": name, "environment": environment, "rate_per_minute": rate_per_minute})
    click.echo(text)
    click.echo("Keep it now: it is stored as a hash and can't be shown again.", err=True)


@api_keys.command("list")
def list_() -> None:
    """List all keys; the keys themselves can't be shown."""
    head = ["ID", "NAME", "KEY", "ENVIRONMENT", "PER MINUTE", "CREATED (UTC)", "LAST USED", "REVOKED"]
    click.echo(table(head, [_row(key) for key in db.session.scalars(db.select(ApiKey).order_by(ApiKey.id))]))


@api_keys.command()
@click.argument("key_id", metavar="ID", type=click.IntRange(1, ID_MAX))
def revoke(key_id: int) -> None:
    """Revoke the key with the number ID, at once and for good."""
    with writing():
        key = db.session.get(ApiKey, key_id)
        if key is None:
            raise click.ClickException(f"There is no key {key_id}; flask api-keys list shows them.")
        if not keys.revoke(key):
            raise click.ClickException(f"The key {key_id} was revoked already, on {minute(key.revoked_at)} UTC.")
    click.echo(f"Revoked the key {key.name} ({key.prefix}…).")


def _row(key: ApiKey) -> tuple[object, ...]:
    times = (minute(at) for at in (key.created_at, key.last_used_at, key.revoked_at))
    return key.id, key.name, f"{key.prefix}…", key.environment, key.rate_per_minute, *times
