"""The JSON API, /api/v1."""

from flask import Blueprint, Flask

from webhooks_ui.api import events, problem
from webhooks_ui.api.keys import authenticate
from webhooks_ui.api.rate import add_headers
from webhooks_ui.extensions import csrf


def register(app: Flask) -> None:
    blueprint = Blueprint("api", __name__, url_prefix="/api/v1")
    csrf.exempt(blueprint)  # a key in a header, which no browser adds by itself, is what lets a request in
    blueprint.register_error_handler(problem.Problem, problem.respond)
    blueprint.before_request(authenticate)
    blueprint.after_request(add_headers)
    blueprint.post("/events")(events.create)
    app.register_blueprint(blueprint)
