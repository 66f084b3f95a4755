"""``flask api-keys``: what lets publishers in."""

import click

from webhooks_ui import audit
from webhooks_ui.cli.group import Group, environment_option, minute, table
from webhooks_ui.extensions import db, start_writing
from webhooks_ui.models import ApiKey, utcnow
from webhooks_ui.models.api_key import NAME_MAX_CHARACTERS, RATE_PER_MINUTE_DEFAULT, RATE_PER_MINUTE_MAX


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
    start_writing()
    key, text = ApiKey.make(name, environment, rate_per_minute)
    db.session.add(key)
    db.session.flush()
    after = {"name": name, "environment": environment, "rate_per_minute": rate_per_minute}
    audit.record("api_key.created", "api_key", key.id, name, after=after)
    db.session.commit()
    click.echo(text)
    click.echo("Keep it now: it is stored as a hash and can't be shown again.", err=True)


@api_keys.command("list")
def list_() -> None:
    """List all keys; the keys themselves can't be shown."""
    head = ["ID", "NAME", "KEY", "ENVIRONMENT", "PER MINUTE", "CREATED (UTC)", "LAST USED", "REVOKED"]
    click.echo(table(head, [_row(key) for key in db.session.scalars(db.select(ApiKey).order_by(ApiKey.id))]))


@api_keys.command()
@click.argument("key_id", metavar="ID", type=click.IntRange(1, 2**63 - 1))
def revoke(key_id: int) -> None:
    """Revoke the key with the number ID, at once and for good."""
    start_writing()
    key = db.session.get(ApiKey, key_id)
    if key is None:
        raise click.ClickException(f"There is no key {key_id}; flask api-keys list shows them.")
    if key.revoked_at:
        raise click.ClickException(f"The key {key_id} was revoked already, on {minute(key.revoked_at)} UTC.")
    key.revoked_at = utcnow()
    audit.record("api_key.revoked", "api_key", key.id, key.name)
    db.session.commit()
    click.echo(f"Revoked the key {key.name} ({key.prefix}…).")


def _row(key: ApiKey) -> tuple[object, ...]:
    times = (minute(at) for at in (key.created_at, key.last_used_at, key.revoked_at))
    return key.id, key.name, f"{key.prefix}…", key.environment, key.rate_per_minute, *times
