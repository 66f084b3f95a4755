"""``flask events``: publishes events from the shell."""

from typing import BinaryIO

import click

from jobs.publish import publish
from jobs.store import OtherContent
from webhooks_ui.cli.group import Group, environment_option, plural
from webhooks_ui.events import catalogue, strict_json
from webhooks_ui.events.check import WrongEvent, check_event
from webhooks_ui.events.operational import OPERATIONAL, refusal
from webhooks_ui.webhooks.subscribers import why_nobody


def _type(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    if value in OPERATIONAL:
        raise click.BadParameter(refusal(value))
    if value not in (known := catalogue.all_types()):
        offered = ", ".join(type for type in known if type not in OPERATIONAL)
        raise click.BadParameter(f"{value!r} is not one of {offered}.")
    return value


@click.group(cls=Group)
def events() -> None:
    """Publish events."""


@events.command("publish")
@click.argument("event_type", metavar="TYPE", callback=_type)
@environment_option
@click.option("--data", type=click.File("rb"), help="A JSON file with the data, or - for standard input.")
@click.option("--id", "event_id", help="The idempotency key. Default: a new one.")
def publish_(event_type: str, environment: str, data: BinaryIO | None, event_id: str | None) -> None:
    """Publish one event of TYPE. Without --data, publish the example from the catalogue."""
    known = catalogue.all_types()[event_type]
    event = {"type": strict_json.raw(event_type), "data": _read(data) if data else strict_json.raw(known.example)}
    if event_id is not None:
        event["id"] = strict_json.raw(event_id)
    try:
        published = publish(environment, [check_event(event, environment)])[0]
    except (WrongEvent, OtherContent) as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{published.id}: {plural(published.deliveries, 'delivery', 'deliveries')}")
    if not published.deliveries:
        click.echo(why_nobody(environment, event_type) or "It was published before, to no webhook.", err=True)


def _read(file: BinaryIO) -> strict_json.Raw:
    try:
        return strict_json.load_raw(file.read())
    except strict_json.BrokenJson as error:
        raise click.BadParameter(str(error).replace("The body", "The file", 1), param_hint="--data") from None
