"""The web application: pages, JSON API and commands, and the data behind them."""

from collections.abc import Mapping
from typing import Any

from flask import Flask
from redis import Redis

import config
from webhooks_ui import models  # noqa: F401 (the tables must be known before migrations and create_all look)
from webhooks_ui.extensions import csrf, db, engine_options, limiter, login, migrate

__version__ = "0.1.0"


def create_app(settings: Mapping[str, Any] | None = None, *, web: bool = True) -> Flask:
    """The Flask app; ``settings`` override what ``config.load`` reads from the environment.

    Args:
        web: False leaves out pages, API and commands: all that a worker needs is the data.

    Raises:
        config.ConfigError: a setting is missing or makes no sense.
    """
    values = config.load() | dict(settings or {})
    app = Flask(
        __name__,
        instance_path=str(values["INSTANCE_PATH"].resolve()),
        template_folder=str(config.ROOT / "templates"),
        static_folder=str(config.ROOT / "static"),
    )
    app.config.from_mapping(values)
    app.config.setdefault("SQLALCHEMY_ENGINE_OPTIONS", engine_options(app.config["SQLALCHEMY_DATABASE_URI"]))
    db.init_app(app)
    app.extensions["redis"] = Redis.from_url(app.config["REDIS_URL"], socket_timeout=5, socket_connect_timeout=2)
    if web:
        from webhooks_ui import web as pages  # a worker must not pay for forms, templates and blueprints

        migrate.init_app(app, db, directory=str(config.ROOT / "webhooks_ui" / "migrations"), render_as_batch=True)
        csrf.init_app(app)
        login.init_app(app)
        limiter.init_app(app)
        pages.register(app)
    return app
