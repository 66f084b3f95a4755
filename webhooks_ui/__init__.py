"""The web application: pages, JSON API, commands, and the data that they use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flask import Flask

__version__ = "0.1.0"


def create_app(settings: Mapping[str, Any] | None = None, *, web: bool = True) -> Flask:
    """Return the Flask app. ``settings`` override what ``config.load`` reads from the environment.

    Args:
        web: False leaves out pages, API and commands. A worker needs only the data.

    Raises:
        config.ConfigError: A setting is missing or invalid.
    """
    from webhooks_ui import app  # imported here, so that the supervising processes don't load Flask

    return app.create(settings, web)
