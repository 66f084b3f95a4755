"""Error pages with advice, and problem documents (RFC 9457) for the JSON API."""

from flask import Flask, Response, current_app, g, make_response, render_template, request
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, TimeoutError
from sqlalchemy.orm.exc import StaleDataError
from werkzeug.exceptions import Conflict, HTTPException, ServiceUnavailable

from webhooks_ui.database import outage, release
from webhooks_ui.views.errors.help import Help, help_for
from webhooks_ui.web import outages, problem
from webhooks_ui.web.answers import wants_fragment
from webhooks_ui.web.request_headers import WrongHost


def register(app: Flask) -> None:
    app.register_error_handler(HTTPException, show)
    for error in (DBAPIError, TimeoutError):
        app.register_error_handler(error, show_database_error)
    app.register_error_handler(StaleDataError, show_deleted_meanwhile)


def show(error: HTTPException) -> Response:
    """Answer with the page, fragment or problem document for ``error``, and the headers that belong to it."""
    try:
        return _shown(error)
    except (DBAPIError, TimeoutError) as cause:  # the page of an error below 500 asks who reads it
        return show_database_error(cause)


def _shown(error: HTTPException) -> Response:
    status = error.code or 500
    if request.path.startswith("/api/"):
        detail = str(error.description) if isinstance(error, WrongHost) else ""
        response = problem.respond(problem.Problem(status, detail))
    elif wants_fragment():
        response = make_response(_render("errors/_error.html", status, help_for(error)), status)
        response.headers.update({"HX-Retarget": "#alert", "HX-Reswap": "innerHTML", "HX-Replace-Url": "false"})
    else:
        response = make_response(_render("errors/error.html", status, help_for(error)), status)
    for name, value in error.get_headers():
        if name.lower() not in ("content-type", "content-length"):
            response.headers[name] = value
    return response


def show_database_error(error: Exception) -> Response:
    """Answer with 503 if the database is locked, read-only or full, or can't be reached. Roll back what was begun.

    Raises:
        Exception: the same error, if it has another cause. Flask then logs it, and answers with 500.
    """
    if not (outage(error) or isinstance(error, OperationalError | InterfaceError)):
        raise error
    outages.say(error)
    release()
    return show(ServiceUnavailable("The database can't be used right now.", retry_after=outages.RETRY_AFTER_SECONDS))


def show_deleted_meanwhile(_error: StaleDataError) -> Response:
    """Answer with 409 if somebody deleted the row that was to be changed. Roll back what was begun."""
    release()
    return show(Conflict())


def _render(template: str, status: int, help: Help) -> str:
    if status < 500:
        return render_template(template, status=status, help=help)
    # Flask's context would read the user from the database, which may be the cause of the error.
    page = current_app.jinja_env.get_template(template.replace("error.html", "failure.html"))
    return page.render(status=status, help=help, request_id=g.get("request_id") if status == 500 else None)
