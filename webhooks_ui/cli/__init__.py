"""The ``flask`` commands: a group a file."""

from flask import Flask

from webhooks_ui.cli import api_keys, deliveries, events, listen, secrets, users


def register(app: Flask) -> None:
    for command in (
        users.users,
        api_keys.api_keys,
        deliveries.deliveries,
        events.events,
        listen.listen,
        secrets.secrets,
    ):
        app.cli.add_command(command)
