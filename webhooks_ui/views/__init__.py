"""The pages: a blueprint each."""

from importlib import import_module

from flask import Flask, redirect, url_for
from werkzeug.wrappers import Response

from webhooks_ui import access, converters, trailing_slash

PAGES = (
    "session",
    "preferences",
    "palette",
    "webhooks",
    "deliveries",
    "retries",
    "exports",
    "bulk_actions",
    "recoveries",
    "notices",
    "event_types",
    "audit_log",
    "api_keys",
    "settings",
    "ops",
)


def register(app: Flask) -> None:
    access.register(app)
    trailing_slash.register(app)
    converters.register(app)
    for name in PAGES:
        app.register_blueprint(import_module(f"webhooks_ui.views.{name}").blueprint)
    app.add_url_rule("/", "home", _home)
    app.add_url_rule("/admin/", "admin", _home)


def _home() -> Response:
    return redirect(url_for("webhooks.index"))
