"""Error pages that help; problem documents (RFC 9457) for the JSON API."""

from flask import Flask, Response, current_app, make_response, render_template, request
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import InterfaceError, OperationalError, TimeoutError
from werkzeug.exceptions import HTTPException, ServiceUnavailable, UnprocessableEntity

from webhooks_ui.api import problem
from webhooks_ui.extensions import db
from webhooks_ui.htmx import wants_fragment

HELP = {
    400: ("That request can't be read", "Something in it is broken. Go back, reload the page and try again."),
    403: ("You may not open this page", "Your role doesn't allow it. Ask an admin if you need it for your work."),
    404: ("There is nothing here", "It may have been deleted, or the address has a typing error."),
    405: ("This address takes no such request", "Go back to the page you came from and use its buttons."),
    413: ("That is too large", "Send less at once: a form may have up to 1 MiB, a request up to 8 MiB."),
    422: ("That can't be done as it was sent", "Go back, reload the page and try again."),
    429: ("Too many tries", "Wait a minute, then try again."),
    500: ("Something went wrong on our side", "It has been logged. Try again; if it stays, tell the operator."),
    503: ("The database can't be reached right now", "Nothing was changed. Try again in a few seconds."),
}
CSRF_HELP = (
    "This form has expired",
    "Your session ended or began anew since the page was opened, so nothing was saved. "
    "Go back, reload the page and send the form again.",
)
RETRY_AFTER_SECONDS = 5


def register(app: Flask) -> None:
    app.register_error_handler(HTTPException, show)
    for error in (OperationalError, InterfaceError, TimeoutError):
        app.register_error_handler(error, show_database_error)


def show(error: HTTPException) -> Response:
    """The page, fragment or problem document for ``error``, with the headers that belong to it."""
    status = error.code or 500
    title, advice = CSRF_HELP if isinstance(error, CSRFError) else help_for(status)
    if isinstance(error, UnprocessableEntity):
        advice = error.description or advice  # written by us, for the person who sent it
    if request.path.startswith("/api/"):
        response = problem.respond(problem.Problem(status))
    elif wants_fragment():
        response = make_response(_render("errors/_error.html", status, title, advice), status)
        response.headers.update({"HX-Retarget": "#alert", "HX-Reswap": "innerHTML", "HX-Replace-Url": "false"})
    else:
        response = make_response(_render("errors/error.html", status, title, advice), status)
    for name, value in error.get_headers():
        if name.lower() not in ("content-type", "content-length"):
            response.headers[name] = value
    return response


def show_database_error(error: Exception) -> Response:
    """A locked or unreachable database is a 503 that says so; nothing half-done stays."""
    current_app.logger.error("The database failed: %s", error)
    db.session.rollback()
    return show(ServiceUnavailable("The database can't be reached right now.", retry_after=RETRY_AFTER_SECONDS))


def help_for(status: int) -> tuple[str, str]:
    """A title and a sentence on what to do."""
    return HELP.get(status) or HELP[500 if status >= 500 else 400]


def _render(template: str, status: int, title: str, advice: str) -> str:
    if status < 500:
        return render_template(template, status=status, title=title, advice=advice)
    # Without Flask's context: that would read the user from the database, which may be what failed.
    page = current_app.jinja_env.get_template(template.replace("error.html", "failure.html"))
    return page.render(status=status, title=title, advice=advice)
