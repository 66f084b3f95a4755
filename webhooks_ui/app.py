"""Puts the app together."""

from collections.abc import Mapping
from typing import Any

from flask import Flask

import config
from webhooks_ui import (
    models,  # noqa: F401 (the tables must be known before migrations and create_all look)
    redis_client,
)
from webhooks_ui.extensions import db, engine_options


def create(settings: Mapping[str, Any] | None, web: bool) -> Flask:
    """What ``webhooks_ui.create_app`` says."""
    values = config.load() | dict(settings or {})
    app = Flask(
        "webhooks_ui",
        instance_path=str(values["INSTANCE_PATH"].resolve()),
        template_folder=str(config.ROOT / "templates"),
        static_folder=str(config.ROOT / "static"),
    )
    app.config.from_mapping(values)
    app.config.setdefault("SQLALCHEMY_ENGINE_OPTIONS", engine_options(app.config["SQLALCHEMY_DATABASE_URI"]))
    db.init_app(app)
    app.extensions["redis"] = redis_client.connect(app.config["REDIS_URL"])
    if web:
        from webhooks_ui import web as pages  # a worker must not pay for forms, templates and blueprints

        pages.register(app)
    return app
