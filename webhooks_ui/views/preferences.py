"""The choices that a browser remembers: the environment and the theme."""

from flask import Blueprint, redirect, request
from werkzeug.wrappers import Response

from webhooks_ui.web.answers import safe_next
from webhooks_ui.web.preferences import THEMES, choose_environment, without_environment

YEAR_SECONDS = 365 * 24 * 3600

blueprint = Blueprint("preferences", __name__)


@blueprint.post("/theme")
def set_theme() -> Response:
    response = redirect(safe_next(request.form.get("next")), 303)
    theme = request.form.get("theme", "")
    if theme in THEMES:
        response.set_cookie("theme", theme, max_age=YEAR_SECONDS, samesite="Lax", httponly=True)
    return response


@blueprint.post("/environment")
def set_environment() -> Response:
    choose_environment(request.form.get("environment", ""))
    return redirect(without_environment(safe_next(request.form.get("next"))), 303)
