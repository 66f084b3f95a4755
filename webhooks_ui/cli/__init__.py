"""The ``flask`` commands. Each file holds one group."""

import click
from flask import Flask
from flask.cli import AppGroup


def register(app: Flask) -> None:
    app.cli = Commands(app)


class Commands(AppGroup):
    """The app's commands. They are imported when one is wanted, because a web server runs none.

    ``flask --help`` shows our own first, although Flask sorts all commands by name.
    """

    def __init__(self, app: Flask) -> None:
        super().__init__(app.cli.name, commands=app.cli.commands)
        self._app = app
        self._ours: frozenset[str] = frozenset()

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        self._load()
        return super().get_command(ctx, cmd_name)

    def list_commands(self, ctx: click.Context) -> list[str]:
        self._load()
        return [First(name) if name in self._ours else name for name in super().list_commands(ctx)]

    def _load(self) -> None:
        from webhooks_ui.cli.commands import OURS, migrations

        if not self._ours:
            self.add_command(migrations(self._app))
            for command in OURS:
                self.add_command(command)
            self._ours = frozenset(str(command.name) for command in OURS)


class First(str):
    """A name that sorts before all plain names."""

    __slots__ = ()

    def __lt__(self, other: str) -> bool:
        return super().__lt__(other) if isinstance(other, First) else True

    def __gt__(self, other: str) -> bool:
        return super().__gt__(other) if isinstance(other, First) else False
