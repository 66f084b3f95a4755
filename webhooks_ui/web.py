"""What turns the bare app into the web application: blueprints, errors, template helpers, response headers."""

from flask import Flask

from webhooks_ui import api, cli, compression, errors, security, template_helpers, views


def register(app: Flask) -> None:
    views.register(app)
    api.register(app)
    cli.register(app)
    errors.register(app)
    security.register(app)
    compression.register(app)
    template_helpers.register(app)
