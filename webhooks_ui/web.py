"""What turns the bare app into the web application: blueprints, errors, template helpers, response headers."""

from flask import Flask

import config
from webhooks_ui import api, cli, compression, errors, security, template_helpers, views
from webhooks_ui.extensions import db
from webhooks_ui.web_extensions import csrf, limiter, login, migrate


def register(app: Flask) -> None:
    migrate.init_app(app, db, directory=str(config.ROOT / "webhooks_ui" / "migrations"), render_as_batch=True)
    csrf.init_app(app)
    login.init_app(app)
    limiter.init_app(app)
    views.register(app)
    api.register(app)
    cli.register(app)
    errors.register(app)
    security.register(app)
    compression.register(app)
    template_helpers.register(app)
