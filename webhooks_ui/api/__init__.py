"""The JSON API, /api/v1."""

from flask import Blueprint, Flask

from webhooks_ui.api import deliveries, event_types, events, openapi, problem, webhooks
from webhooks_ui.api.keys import authenticate
from webhooks_ui.api.rate import add_headers
from webhooks_ui.extensions import csrf

WEBHOOK = "/webhooks/<int:webhook_id>"
DELIVERY = "/deliveries/<int:delivery_id>"


def register(app: Flask) -> None:
    """Add all addresses under /api/v1; only the description of the API needs no key."""
    blueprint = Blueprint("api", __name__, url_prefix="/api/v1")
    csrf.exempt(blueprint)  # a key in a header, which no browser adds by itself, is what lets a request in
    blueprint.register_error_handler(problem.Problem, problem.respond)
    blueprint.before_request(authenticate)
    blueprint.after_request(add_headers)
    for method, path, name, view in (
        ("POST", "/events", "create_events", events.create),
        ("GET", "/event-types", "event_types", event_types.index),
        ("GET", "/webhooks", "webhooks", webhooks.index),
        ("POST", "/webhooks", "create_webhook", webhooks.create),
        ("GET", WEBHOOK, "show_webhook", webhooks.show),
        ("PATCH", WEBHOOK, "update_webhook", webhooks.update),
        ("DELETE", WEBHOOK, "delete_webhook", webhooks.delete),
        ("POST", f"{WEBHOOK}/test", "test_webhook", webhooks.test),
        ("GET", "/deliveries", "deliveries", deliveries.index),
        ("GET", DELIVERY, "show_delivery", deliveries.show),
        ("POST", f"{DELIVERY}/retries", "retry_delivery", deliveries.retry),
    ):
        blueprint.add_url_rule(path, name, view, methods=[method])
    app.register_blueprint(blueprint)
    app.add_url_rule("/api/v1/openapi.json", "openapi", openapi.show_document)
