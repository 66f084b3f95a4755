"""``flask event-types``: lists the catalogue, and adds types to it."""

from typing import Any, BinaryIO

import click
from werkzeug.exceptions import NotFound

from webhooks_ui.cli.group import Group, command, plural, table
from webhooks_ui.database import writing
from webhooks_ui.events import catalogue
from webhooks_ui.forms.event_type import EventTypeForm
from webhooks_ui.models import SchemaCheck
from webhooks_ui.webhooks import own_event_types


@click.group("event-types", cls=Group)
def event_types() -> None:
    """List event types, and add your own."""


@event_types.command("list")
def list_() -> None:
    """Print all event types."""
    rows = [
        (type.name, "own" if type.is_own else "built in", type.check if type.schema else "-", type.description)
        for type in catalogue.all_types().values()
    ]
    click.echo(table(("NAME", "ORIGIN", "SCHEMA", "DESCRIPTION"), rows))


@event_types.command()
@click.argument("name")
@click.option("--description", required=True, help="When it happens, in a sentence.")
@click.option("--example", type=click.File("rb"), required=True, help="A JSON file with example data, or -.")
@click.option("--schema", type=click.File("rb"), help="A file with the JSON Schema of the data.")
@click.option(
    "--check",
    type=click.Choice([check.value for check in SchemaCheck]),
    default="off",
    help="What happens to data that doesn't fit.",
)
def add(name: str, description: str, example: BinaryIO, schema: BinaryIO | None, check: str) -> None:
    """Add the event type NAME, such as invoice.paid."""
    texts = {"name": name, "description": description, "check": check}
    texts |= {"example": _read(example), "schema": _read(schema) if schema else ""}
    form = EventTypeForm(formdata=None, data=texts)
    if not form.validate():
        raise click.ClickException(_sentences(form.errors))
    with writing():
        is_new = own_event_types.add(form.columns)
    if not is_new:
        raise click.ClickException(f"There is a type {name} already. To see it, run: {command('event-types list')}")
    click.echo(f"{name} was added.")


@event_types.command()
@click.argument("name")
def delete(name: str) -> None:
    """Delete the event type NAME. Its events stay in the log."""
    if name in catalogue.BUILT_IN:
        raise click.ClickException(f"{name} is built in. Only event types of your own can be deleted.")
    with writing():
        try:
            type = own_event_types.get(name, lock=True)
        except NotFound:
            raise click.ClickException(f"There is no event type {name!r} of your own.") from None
        ended = len(own_event_types.subscribed(type))
        own_event_types.delete(type)
    click.echo(f"{name} was deleted. {plural(ended, 'subscription')} ended.")


def _read(file: BinaryIO) -> str:
    try:
        return file.read().decode()
    except UnicodeDecodeError as error:
        raise click.ClickException(f"{file.name} is not UTF-8: the byte at {error.start} is wrong.") from None


def _sentences(errors: dict[str, Any]) -> str:
    return " ".join(f"{name}: {' '.join(map(str, messages))}" for name, messages in errors.items())
