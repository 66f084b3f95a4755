"""The pages, a blueprint for each part."""

from importlib import import_module

from flask import Flask, redirect, url_for
from werkzeug.wrappers import Response

from webhooks_ui.views import errors
from webhooks_ui.web import access, urls

PAGES = (
    "session",
    "second_factor",
    "passkeys",
    "sso",
    "new_passwords",
    "invitations",
    "account",
    "preferences",
    "palette",
    "saved_filters",
    "overview",
    "webhooks",
    "deliveries",
    "events",
    "bulk_actions",
    "notices",
    "event_types",
    "payloads",
    "inspectors",
    "audit_log",
    "api_keys",
    "team",
    "settings",
    "ops",
)


def register(app: Flask) -> None:
    access.register(app)
    urls.register(app)
    for name in PAGES:
        module = import_module(f"webhooks_ui.views.{name}")
        for blueprint in getattr(module, "BLUEPRINTS", None) or [module.blueprint]:
            app.register_blueprint(blueprint)
    errors.register(app)
    app.add_url_rule("/", "home", _home)
    app.add_url_rule("/admin/", "admin", _home, strict_slashes=False)


def _home() -> Response:
    return redirect(url_for("webhooks.index"))
