"""Access: who is signed in, and the one check before everything under /admin/ and /account."""

from functools import partial
from urllib.parse import urlsplit

from flask import (
    Flask,
    abort,
    current_app,
    flash,
    g,
    make_response,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask_login import current_user
from werkzeug.wrappers import Request, Response

from webhooks_ui import audit
from webhooks_ui.database import after_commit, db
from webhooks_ui.models import Person, User
from webhooks_ui.models.types import is_recent
from webhooks_ui.people import sessions
from webhooks_ui.web import resume
from webhooks_ui.web.answers import came_from, go, safe_next, wants_fragment
from webhooks_ui.web.extensions import login
from webhooks_ui.web.permissions import FRESH_FOR, may, needs_fresh, sets_up_second_factor

TOKEN = "token"  # noqa: S105 (the name of the session's token in the browser's cookie)
ASKED_AT = "asked_at"  # when the provider of single sign-on asked the person to sign in there, in Unix seconds
POLLED = frozenset(  # open pages ask for these by themselves, which keeps no session alive
    {
        "deliveries.follow",
        "deliveries.newer",
        "deliveries.unfinished",
        "deliveries.show",
        "bulk_actions.show",
        "webhooks.follow_deliveries",
        "inspectors.newer",
        "webhooks.newer_deliveries",
        "webhooks.steps",
        "webhooks.test_result",
    }
)


class SessionEnded(Exception):
    """Somebody ended the session during the request. Nothing may be changed any more."""


def register(app: Flask) -> None:
    login.request_loader(load_user)
    app.register_error_handler(SessionEnded, lambda _error: _to_login())
    # Before the CSRF check, so that people whose session ended get the sign-in page and no error about a token.
    app.before_request_funcs.setdefault(None, []).insert(0, check_access)


def load_user(_request: Request) -> Person | None:
    """Return the person whose session the browser's cookie names, or None if there is none or it ended."""
    token = session.get(TOKEN)
    found = sessions.find(token) if token else None  # a visitor costs no query
    if found is None:
        return None
    g.user_session = found
    if not (wants_fragment() and request.endpoint in POLLED):
        sessions.note_use(found)
    return found.person


def current_session() -> sessions.PresentSession:
    """Return the session of the person who is signed in."""
    found: sessions.PresentSession = g.user_session
    return found


def own_account() -> User:
    """Return the account of the person who is signed in."""
    return db.session.get(User, current_user.id) or abort(404)


def renew_token() -> str:
    """Give the present session a new token, so that a copy of the browser's cookie opens no page any more. Return it.

    The caller owns the transaction. The browser gets the token after the commit.

    Raises:
        SessionEnded: The session ended after the request had begun.
    """
    token = sessions.renew(session[TOKEN])
    if token is None:
        raise SessionEnded
    after_commit(partial(session.__setitem__, TOKEN, token))
    return token


def check_access() -> Response | None:
    """Send visitors to the sign-in page, and answer with 403 if the role is too low.

    People who must set up a second factor are sent there. Some changes ask to sign in again.
    """
    if not request.path.startswith(("/admin/", "/account/")) and request.path != "/account":
        return None
    if not current_user.is_authenticated:
        return _to_login()
    endpoint = request.endpoint or ""
    if not may(current_user.role, endpoint):
        abort(403)
    audit.act_as(current_user.email)
    if current_session().lacks_second_factor and not sets_up_second_factor(endpoint):
        return go(url_for("account.index"))
    if needs_fresh(endpoint) and not is_fresh():
        flash("Please sign in again before you change this.")
        return _to_login(again=1)
    return None


def is_fresh() -> bool:
    """Return True if the person signed in a short time ago.

    A provider that still knows the person begins a session without asking. That shows nobody anew.
    """
    began = current_session().created_at.timestamp()
    asked_at: float = session.get(ASKED_AT, began)
    return is_recent(min(began, asked_at), FRESH_FOR)


def _to_login(again: int | None = None) -> Response:
    if not again and (signed := resume.sign()):
        return _keep(signed)
    if TOKEN in session and not again and "_flashes" not in session:
        changed = "" if request.method == "GET" else " Nothing was changed."
        flash(f"Your session has ended.{changed} Sign in again to go on.")
    if "HX-Request" in request.headers:  # a boosted form, too, whose answer would land in the middle of its page
        return make_response(
            "", 401, {"HX-Redirect": url_for("session.new", next=safe_next(_seen_page()), again=again)}
        )
    back = request.full_path.rstrip("?") if request.method == "GET" else came_from()
    return redirect(url_for("session.new", next=back, again=again))


def _keep(signed: str) -> Response:
    """Ask to sign in again, and keep the form that was sent. One that the page sent by itself leaves the page alone."""
    if request.endpoint in resume.REFRESHES and wants_fragment():
        aside = {"HX-Retarget": "#alert", "HX-Reswap": "innerHTML"}
        return make_response(render_template("session/_ended.html"), 401, aside)
    resume.carry(signed)
    return make_response(current_app.view_functions["session.ended"]())


def _seen_page() -> str | None:
    """Return the path of the page that HTMX sent the request from, with the search or the filter that it asked for."""
    try:
        seen = urlsplit(request.headers.get("HX-Current-URL", ""))
    except ValueError:  # the header is not a URL
        return None
    if request.method == "GET" and request.path == seen.path:
        return request.full_path.rstrip("?")
    return f"{seen.path}?{seen.query}" if seen.query else seen.path
