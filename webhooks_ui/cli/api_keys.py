"""``flask api-keys``: creates, lists, rolls and revokes API keys."""

import re
from datetime import datetime

import click

from webhooks_ui import api_keys as keys
from webhooks_ui.cli.group import Group, command, environment_option, minute, table
from webhooks_ui.database import db, writing
from webhooks_ui.models import ApiKey, Scope
from webhooks_ui.models.api_key import (
    NAME_MAX_CHARACTERS,
    OVERLAP_HOURS_MAX,
    RATE_PER_MINUTE_DEFAULT,
    RATE_PER_MINUTE_MAX,
)
from webhooks_ui.models.scope import MEANINGS, READY_CHOICES, in_order, ready_choice
from webhooks_ui.models.visible import is_visible
from webhooks_ui.parsing import DAYS_MAX, ID_MAX, parse_end

COPY_NOW = "Copy the key now. It is stored as a hash and can't be shown again."
SCOPES = {scope.value: (scope,) for scope in Scope} | {
    name.replace("_", "-"): scopes for name, scopes in READY_CHOICES.items()
}
HEAD = (
    "ID",
    "NAME",
    "KEY",
    "ENVIRONMENT",
    "MAY",
    "PER MINUTE",
    "CREATED (UTC)",
    "EXPIRES",
    "LAST USED",
    "FROM",
    "REVOKED",
)
key_id_argument = click.argument("key_id", metavar="ID", type=click.IntRange(1, ID_MAX))


@click.group("api-keys", cls=Group)
def api_keys() -> None:
    """Create, list, roll and revoke API keys."""


@api_keys.command()
@click.argument("name")
@environment_option
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice(list(SCOPES)),
    default=["everything"],
    show_default=True,
    help="What the key may do. Repeat the option for several scopes.",
)
@click.option(
    "--expires",
    metavar="WHEN",
    help="When the key ends: a date such as 2027-01-31 (its last day, UTC), an ISO 8601 time, or days from now such as "
    "90d. Without it, the key has no end.",
)
@click.option(
    "--rate-per-minute",
    type=click.IntRange(1, RATE_PER_MINUTE_MAX),
    default=RATE_PER_MINUTE_DEFAULT,
    show_default=True,
    help="How many requests the key may make in a minute.",
)
def create(name: str, environment: str, scopes: tuple[str, ...], expires: str | None, rate_per_minute: int) -> None:
    """Create a key called NAME and print it. It is shown only this once."""
    name = name.strip()
    if len(name) > NAME_MAX_CHARACTERS or not name.isprintable() or not is_visible(name):
        raise click.BadParameter(f"Use 1 to {NAME_MAX_CHARACTERS} characters that can be seen.", param_hint="NAME")
    fields = {
        "name": name,
        "environment": environment,
        "scopes": [scope.value for scope in in_order({scope for chosen in scopes for scope in SCOPES[chosen]})],
        "rate_per_minute": rate_per_minute,
        "expires_at": _end(expires),
    }
    with writing():
        key, text = keys.create(fields)
    click.echo(text)
    click.echo(f"{COPY_NOW}\nIn {environment}, it may:", err=True)
    for scope in key.scopes:
        click.echo(f"  {scope}: {MEANINGS[Scope(scope)]}", err=True)


@api_keys.command("list")
def list_() -> None:
    """List all keys. The list shows only the beginning of each key."""
    click.echo(table(HEAD, [_row(key) for key in db.session.scalars(db.select(ApiKey).order_by(ApiKey.id))]))


@api_keys.command()
@key_id_argument
@click.option(
    "--overlap-hours",
    type=click.IntRange(0, OVERLAP_HOURS_MAX),
    default=24,
    show_default=True,
    help="How long the present text still works. 0 ends it at once.",
)
def roll(key_id: int, overlap_hours: int) -> None:
    """Give the key with the given ID a new text and print it. It is shown only this once."""
    with writing():
        key = _load(key_id)
        if overlap_hours and key.has_older:
            used = f"was last used on {minute(key.older_used_at)}" if key.older_used_at else "was never used"
            raise click.ClickException(
                f"The old text {key.older_prefix}… works until {minute(key.older_expires_at)} UTC, and {used}. Rolling "
                f"again would end it at once. To end it first, run: {command(f'api-keys end-older {key_id}')}"
            )
        try:
            text = keys.roll(key, overlap_hours)
        except keys.NotRolled as error:
            raise click.ClickException(str(error)) from None
    click.echo(text)
    until = f"The old text {key.older_prefix}… works until {minute(key.older_expires_at)} UTC."
    click.echo(f"{COPY_NOW} {until if overlap_hours else 'The old text no longer works.'}", err=True)


@api_keys.command("end-older")
@key_id_argument
def end_older(key_id: int) -> None:
    """End the old text of a key that was rolled, at once."""
    with writing():
        key = _load(key_id)
        if not keys.end_older(key):
            raise click.ClickException(f"Key {key_id} has no old text that still works.")
    click.echo(f"The old text of {key.name} no longer works.")


@api_keys.command()
@key_id_argument
def revoke(key_id: int) -> None:
    """Revoke the key with the given ID at once and for good."""
    with writing():
        key = _load(key_id)
        if not keys.revoke(key):
            raise click.ClickException(f"Key {key_id} was already revoked on {minute(key.revoked_at)} UTC.")
    click.echo(f"Revoked the key {key.name} ({key.prefix}…).")


def _load(key_id: int) -> ApiKey:
    key = keys.get(key_id, lock=True)
    if key is None:
        raise click.ClickException(f"There is no key {key_id}. To see all keys, run: {command('api-keys list')}")
    return key


def _end(text: str | None) -> datetime | None:
    if text is None:
        return None
    at = parse_end(text)
    if at is None and re.fullmatch(r"0*[1-9][0-9]{5,}d", text.strip()):  # more than DAYS_MAX
        raise click.BadParameter(f"This is too far away. Use at most {DAYS_MAX}d.", param_hint="--expires")
    if at is None:
        raise click.BadParameter(
            "Use a date such as 2027-01-31, an ISO 8601 time, or days from now such as 90d. It must be in the future.",
            param_hint="--expires",
        )
    return at


def _row(key: ApiKey) -> tuple[object, ...]:
    may = ready_choice(key.scopes).replace("_", "-") or ",".join(key.scopes)
    used = minute(key.last_used_at), key.last_used_from or "-"
    times = minute(key.created_at), minute(key.expires_at)
    return (
        key.id,
        key.name,
        f"{key.prefix}…",
        key.environment,
        may,
        key.rate_per_minute,
        *times,
        *used,
        minute(key.revoked_at),
    )
