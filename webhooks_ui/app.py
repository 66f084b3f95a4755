"""Builds the Flask app."""

from collections.abc import Callable, Mapping
from typing import Any

from flask import Flask
from sqlalchemy.orm import configure_mappers

import config
from webhooks_ui import (
    counting,
    models,  # noqa: F401 (migrations and create_all need the tables)
)
from webhooks_ui.database import db, redis
from webhooks_ui.database.asides import Asides

_ahead: Flask | None = None


class Application(Flask):
    """Flask without what it does at each request for views that are coroutines. None of ours is."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        return func


def create(settings: Mapping[str, Any] | None, web: bool) -> Flask:
    """Return the Flask app. ``webhooks_ui.create_app`` describes the arguments and errors."""
    return _ahead or _create(settings, web)


def create_ahead(settings: Mapping[str, Any], web: bool) -> Flask:
    """Make and return the app of all processes that are forked from this one, which have the same settings.

    Much of what they do first is then done, and in memory that they share. Nothing is connected yet.
    """
    global _ahead
    app = _create(settings, web)
    configure_mappers()
    _ahead = app
    return app


def is_ahead() -> bool:
    """Return True if this process was forked from one that has made the app."""
    return _ahead is not None


def _create(settings: Mapping[str, Any] | None, web: bool) -> Flask:
    values = config.load() | dict(settings or {})
    app = Application(
        "webhooks_ui",
        instance_path=str(values["INSTANCE_PATH"].resolve()),
        template_folder=str(config.ROOT / "templates"),
        static_folder=None,  # web/assets serves what is in static/
    )
    app.config.from_mapping(values)
    db.init_app(app)
    redis.use(app, redis.connect(app.config["REDIS_URL"]))
    app.extensions["counters"] = counting.Counters()
    app.extensions["asides"] = Asides()
    if web:
        _add_web(app)
    return app


def _add_web(app: Flask) -> None:
    """Add pages, API and commands to the app."""
    # Imported here, so that a worker doesn't load forms, templates and blueprints.
    from webhooks_ui import api, cli, views
    from webhooks_ui.web import (
        browser_sessions,
        compression,
        extensions,
        form_data,
        headers,
        proxies,
        request_headers,
        request_log,
        template_helpers,
    )

    extensions.register(app)
    form_data.register(app)
    browser_sessions.register(app)
    views.register(app)
    api.register(app)
    cli.register(app)
    headers.register(app)
    compression.register(app)
    template_helpers.register(app)
    request_headers.register(app)
    request_log.register(app)  # late, because its hooks come first
    proxies.register(app)
    if app.config["OIDC"]:
        from webhooks_ui.web import oidc  # noqa: F401 (it is imported late, but forked processes are to share it)
