"""The JSON API under /api/v1."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Flask, request

from webhooks_ui.api import openapi, rate
from webhooks_ui.api.keys import answer_by_key, authenticate, require
from webhooks_ui.api.query import check_parameters
from webhooks_ui.api.routes import PARAMETERS, ROUTES, Views
from webhooks_ui.web import problem
from webhooks_ui.web.extensions import csrf


def register(app: Flask) -> None:
    """Add all addresses under /api/v1. Only the description of the API needs no key."""
    blueprint = Blueprint("api", __name__, url_prefix="/api/v1")
    csrf.exempt(blueprint)  # requests need a key in a header, which a browser never adds by itself
    blueprint.before_request(authenticate)
    blueprint.after_request(rate.add_headers)
    for path, name, views in ROUTES:
        blueprint.add_url_rule(path, name, _by_method(views), methods=list(views))
    app.register_blueprint(blueprint)
    app.register_error_handler(problem.Problem, problem.respond)
    app.add_url_rule("/api/v1/openapi.json", "openapi", openapi.show_document)


def _by_method(views: Views) -> Callable[..., Any]:
    """Return one view for all methods of a path.

    It refuses a key without the scope that the method needs, and parameters that the method doesn't know.

    With one rule per method, Werkzeug would answer 405 instead of 404 to an id that is too large.
    """

    def view(**arguments: Any) -> Any:
        scope, function = views["GET" if request.method == "HEAD" else request.method]

        def answer() -> Any:
            require(scope)
            check_parameters(PARAMETERS.get(function, ()))
            return function(**arguments)

        return answer_by_key(answer)

    return view
