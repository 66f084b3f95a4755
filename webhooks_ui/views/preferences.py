"""The choices that a browser remembers: environment, theme, height of rows, keyboard shortcuts, and live lists."""

from collections.abc import Sequence
from urllib.parse import urlsplit

from flask import Blueprint, current_app, redirect, request
from werkzeug.exceptions import UnprocessableEntity
from werkzeug.wrappers import Response

from webhooks_ui.models import Environment
from webhooks_ui.web.answers import came_from, safe_next
from webhooks_ui.web.preferences import DENSITIES, LIVE, SHORTCUTS, THEMES, choose_environment, without_environment

YEAR_SECONDS = 365 * 24 * 3600

blueprint = Blueprint("preferences", __name__)


@blueprint.post("/theme")
def set_theme() -> Response:
    return _remember("theme", THEMES)


@blueprint.post("/density")
def set_density() -> Response:
    return _remember("density", DENSITIES)


@blueprint.post("/shortcuts")
def set_shortcuts() -> Response:
    return _remember("shortcuts", SHORTCUTS)


@blueprint.post("/live")
def set_live() -> Response:
    return _remember("live", LIVE, came_from())  # htmx may have changed the filters since the page was made


def _remember(name: str, values: tuple[str, ...], back: str = "") -> Response:
    """Put the choice of the form into a cookie. Go ``back``, else where it says."""
    value = _choice(name, values)
    response = redirect(back or _same_page(), 303)
    secure = current_app.config["SESSION_COOKIE_SECURE"]
    response.set_cookie(name, value, max_age=YEAR_SECONDS, secure=secure, samesite="Lax", httponly=True)
    return response


@blueprint.post("/environment")
def set_environment() -> Response:
    choose_environment(_choice("environment", ("", *Environment)))
    return redirect(without_environment(_same_page()), 303)


def _choice(name: str, values: Sequence[str]) -> str:
    """Return the choice that was sent.

    Raises:
        UnprocessableEntity: It is none of ``values``.
    """
    value = request.form.get(name)
    if value is None or value not in values:
        listed = ", ".join(each or "empty" for each in values)
        raise UnprocessableEntity(f"The field {name} must be one of: {listed}.")
    return value


def _same_page() -> str:
    """Return the address of the page that the form names, with the filters that HTMX put into it since it was made."""
    made, now = safe_next(request.form.get("next")), came_from()
    return now if request.referrer and urlsplit(now).path == urlsplit(made).path else made
