"""All commands of the product."""

import click
from flask import Flask

from webhooks_ui.cli import api_keys, backup, deliveries, doctor, event_types, events, listen, secrets, users
from webhooks_ui.cli.import_sqlite import import_sqlite
from webhooks_ui.cli.migrations import on_one_line

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
    import_sqlite,
    doctor.doctor,
)


def migrations(app: Flask) -> click.Group:
    """Return Flask-Migrate's group ``db``, which its extension adds to the app."""
    app.extensions["migrate"].migrate  # noqa: B018 (the extension is loaded at its first use)
    group = app.cli.commands["db"]
    assert isinstance(group, click.Group)  # noqa: S101 (mypy can't know)
    return on_one_line(group)
