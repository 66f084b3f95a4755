"""The ``flask`` commands. Each file holds one group."""

import click
from flask import Flask
from flask.cli import AppGroup

from webhooks_ui.cli import api_keys, backup, deliveries, doctor, event_types, events, listen, secrets, users
from webhooks_ui.cli.group import on_one_line

OURS = (
    users.users,
    api_keys.api_keys,
    deliveries.deliveries,
    events.events,
    event_types.event_types,
    listen.listen,
    secrets.secrets,
    backup.backup,
    backup.restore,
    doctor.doctor,
)


def register(app: Flask) -> None:
    app.cli = Commands(app.cli.name, commands=app.cli.commands)
    migrations = app.cli.commands["db"]
    assert isinstance(migrations, click.Group)  # noqa: S101 (mypy can't know)
    app.cli.add_command(on_one_line(migrations))
    for command in OURS:
        app.cli.add_command(command)


class Commands(AppGroup):
    """The app's commands. ``flask --help`` shows our own first, although Flask sorts all commands by name."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        ours = {command.name for command in OURS}
        return [First(name) if name in ours else name for name in super().list_commands(ctx)]


class First(str):
    """A name that sorts before all plain names."""

    __slots__ = ()

    def __lt__(self, other: str) -> bool:
        return super().__lt__(other) if isinstance(other, First) else True

    def __gt__(self, other: str) -> bool:
        return super().__gt__(other) if isinstance(other, First) else False
