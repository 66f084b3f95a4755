"""The choices that a browser remembers: the environment, the theme and the height of rows."""

from flask import Blueprint, redirect, request
from werkzeug.wrappers import Response

from webhooks_ui.web.answers import safe_next
from webhooks_ui.web.preferences import DENSITIES, THEMES, choose_environment, without_environment

YEAR_SECONDS = 365 * 24 * 3600

blueprint = Blueprint("preferences", __name__)


@blueprint.post("/theme")
def set_theme() -> Response:
    return _remember("theme", THEMES)


@blueprint.post("/density")
def set_density() -> Response:
    return _remember("density", DENSITIES)


def _remember(name: str, values: tuple[str, ...]) -> Response:
    """Put the choice of the form into a cookie, unless it is none of ``values``."""
    response = redirect(safe_next(request.form.get("next")), 303)
    value = request.form.get(name, "")
    if value in values:
        response.set_cookie(name, value, max_age=YEAR_SECONDS, samesite="Lax", httponly=True)
    return response


@blueprint.post("/environment")
def set_environment() -> Response:
    choose_environment(request.form.get("environment", ""))
    return redirect(without_environment(safe_next(request.form.get("next"))), 303)
