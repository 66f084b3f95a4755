"""The web application: pages, JSON API and commands, and the data behind them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flask import Flask

__version__ = "0.1.0"


def create_app(settings: Mapping[str, Any] | None = None, *, web: bool = True) -> Flask:
    """The Flask app; ``settings`` override what ``config.load`` reads from the environment.

    Args:
        web: False leaves out pages, API and commands: all that a worker needs is the data.

    Raises:
        config.ConfigError: a setting is missing or makes no sense.
    """
    from webhooks_ui import app  # here, so that a process which only watches others doesn't load Flask

    return app.create(settings, web)
