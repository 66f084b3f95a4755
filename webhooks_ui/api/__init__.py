"""The JSON API under /api/v1."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Flask, request

from webhooks_ui.api import deliveries, event_types, events, openapi, webhooks
from webhooks_ui.api.keys import authenticate
from webhooks_ui.api.rate import add_headers
from webhooks_ui.web import problem
from webhooks_ui.web.extensions import csrf, limiter

WEBHOOK = "/webhooks/<int:webhook_id>"
DELIVERY = "/deliveries/<int:delivery_id>"


def register(app: Flask) -> None:
    """Add all addresses under /api/v1. Only the description of the API needs no key."""
    blueprint = Blueprint("api", __name__, url_prefix="/api/v1")
    csrf.exempt(blueprint)  # requests need a key in a header, which a browser never adds by itself
    limiter.exempt(blueprint)  # each key has its own rate
    blueprint.register_error_handler(problem.Problem, problem.respond)
    blueprint.before_request(authenticate)
    blueprint.after_request(add_headers)
    for path, name, views in (
        ("/events", "events", {"POST": events.create}),
        ("/event-types", "event_types", {"GET": event_types.index}),
        ("/webhooks", "webhooks", {"GET": webhooks.index, "POST": webhooks.create}),
        (WEBHOOK, "webhook", {"GET": webhooks.show, "PATCH": webhooks.update, "DELETE": webhooks.delete}),
        (f"{WEBHOOK}/secret", "webhook_secret", {"POST": webhooks.rotate_secret}),
        (f"{WEBHOOK}/older-secrets/<secret_id>", "webhook_older_secret", {"DELETE": webhooks.end_secret}),
        (f"{WEBHOOK}/test", "webhook_test", {"POST": webhooks.test}),
        ("/deliveries", "deliveries", {"GET": deliveries.index}),
        (DELIVERY, "delivery", {"GET": deliveries.show}),
        (f"{DELIVERY}/retries", "delivery_retries", {"POST": deliveries.retry}),
    ):
        blueprint.add_url_rule(path, name, _by_method(views), methods=list(views))
    app.register_blueprint(blueprint)
    app.add_url_rule("/api/v1/openapi.json", "openapi", openapi.show_document)


def _by_method(views: dict[str, Callable[..., Any]]) -> Callable[..., Any]:
    """Return one view for all methods of a path.

    With one rule per method, Werkzeug would answer 405 instead of 404 to an id that is too large.
    """

    def view(**arguments: Any) -> Any:
        return views["GET" if request.method == "HEAD" else request.method](**arguments)

    return view
