"""``flask deliveries``: retries, purges and exports deliveries."""

import click
from sqlalchemy import select

from jobs.chores.purge import count, purge, record_purge
from webhooks_ui.cli.group import Group, plural
from webhooks_ui.database import db, writing
from webhooks_ui.deliveries import changes
from webhooks_ui.deliveries.export import csv_lines, json_lines, record_export
from webhooks_ui.deliveries.filters import STATUS_FILTERS, DeliveryFilters
from webhooks_ui.events import catalogue
from webhooks_ui.models import Delivery, Environment, get_settings
from webhooks_ui.parsing import ID_MAX, NOT_SEARCHED, parse_time, searched

CANT_BE = "an attempt is in progress, or its webhook was deleted or moved to another environment"


@click.group(cls=Group)
def deliveries() -> None:
    """Retry, purge and export deliveries."""


@deliveries.command()
@click.argument("ids", metavar="ID...", nargs=-1, required=True, type=click.IntRange(1, ID_MAX))
def retry(ids: tuple[int, ...]) -> None:
    """Make one more attempt of each delivery now. The body and the webhook-id stay the same."""
    with writing():
        changed = changes.retry(ids)
        existing = set(db.session.scalars(select(Delivery.id).where(Delivery.id.in_(ids))))
    click.echo(f"Queued for one more attempt: {len(changed)} of {len(set(ids))}.")
    for id in sorted(set(ids).difference(changed)):
        reason = CANT_BE if id in existing else "there is no such delivery"
        click.echo(f"{id} was not retried: {reason}.", err=True)
    if len(changed) < len(set(ids)):
        raise click.exceptions.Exit(1)


@deliveries.command("purge")
@click.option("--older-than", "days", type=click.IntRange(1, 36_500), help="Days. Default: the retention setting.")
@click.option("--dry-run", is_flag=True, help="Say what would be deleted, but delete nothing.")
def purge_(days: int | None, dry_run: bool) -> None:
    """Delete old final deliveries with their attempts, and events without deliveries.

    The audit log stays, and statistics for 31 days.
    """
    days = days or get_settings()["retention_days"]
    purged = count(days) if dry_run else purge(days)
    if not dry_run:
        record_purge(purged, days)
    verb = "Would delete" if dry_run else "Deleted"
    deleted = f"{plural(purged.deliveries, 'delivery', 'deliveries')} and {plural(purged.events, 'event')}"
    click.echo(f"{verb} {deleted} older than {plural(days, 'day')}.")


def _time(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    if value and parse_time(value) is None:
        raise click.BadParameter(f"{value!r} is not a time. Write it like 24h, 7d, 2026-11-23 or 2026-11-23T10:00:00Z.")
    return value


def _category(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    if value and value not in (known := catalogue.logged_categories()):
        raise click.BadParameter(f"{value!r} is not one of {', '.join(known)}.")
    return value


def _search(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    found = value and searched(value)
    if value and not found:
        raise click.BadParameter(NOT_SEARCHED)
    return found


def _code(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    if value and not DeliveryFilters.parse({"code": value}).code:
        raise click.BadParameter(f"{value!r} is not a response code. Write it like 404 or 4xx.")
    return value


@deliveries.command()
@click.option("--format", "format_", type=click.Choice(["csv", "json"]), required=True)
@click.option(
    "-q",
    "--search",
    "q",
    callback=_search,
    help="An id, a license key, an email address or an id in the event's data, a group such as license.*, or a part of "
    "an event type or of a webhook's name or URL.",
)
@click.option("--status", type=click.Choice(list(map(str, STATUS_FILTERS))))
@click.option("--category", callback=_category, help="A group of event types, such as license.")
@click.option("--environment", type=click.Choice(list(map(str, Environment))))
@click.option("--code", callback=_code, help="A response code such as 404, or a class such as 4xx.")
@click.option("--webhook", type=click.IntRange(1, ID_MAX), help="The id of a webhook.")
@click.option("--since", callback=_time, help="A time (UTC), a date, or an age such as 24h.")
@click.option("--until", callback=_time, help="A time (UTC), a date, or an age such as 24h.")
def export(format_: str, webhook: int | None, **filters: str | None) -> None:
    """Print the delivery log to standard output, newest first, in UTF-8. Times are in UTC."""
    chosen = DeliveryFilters().with_(
        webhook=str(webhook or ""), **{name: value or "" for name, value in filters.items()}
    )
    with writing():
        record_export(format_, chosen)
    for piece in (csv_lines if format_ == "csv" else json_lines)(chosen):
        click.echo(piece.encode(), nl=False)  # UTF-8, whatever the terminal has
