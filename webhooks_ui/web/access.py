"""Access: who is signed in, and the one check before everything under /admin/."""

from urllib.parse import urlsplit

from flask import Flask, abort, make_response, redirect, request, url_for
from flask_login import current_user
from werkzeug.wrappers import Response

from webhooks_ui import audit
from webhooks_ui.database import db
from webhooks_ui.models import User
from webhooks_ui.web.answers import safe_next, wants_fragment
from webhooks_ui.web.extensions import login
from webhooks_ui.web.permissions import may


def register(app: Flask) -> None:
    login.user_loader(load_user)
    # Before the CSRF check, so that people whose session ended get the sign-in page and no error about a token.
    app.before_request_funcs.setdefault(None, []).insert(0, check_role)


def load_user(session_id: str) -> User | None:
    """Return the user of a session, or None if the user was deleted or has a new password."""
    user_id = session_id.partition(".")[0]
    user = db.session.get(User, int(user_id)) if user_id.isdecimal() else None
    return user if user and user.get_id() == session_id else None


def check_role() -> Response | None:
    """Send visitors to the sign-in page, and answer with 403 if the role is too low."""
    if not request.path.startswith("/admin/"):
        return None
    if not current_user.is_authenticated:
        return _to_login()
    if not may(current_user.role, request.endpoint or ""):
        abort(403)
    audit.act_as(current_user.email)
    return None


def _to_login() -> Response:
    if wants_fragment():
        seen = urlsplit(request.headers.get("HX-Current-URL", ""))
        back = f"{seen.path}?{seen.query}" if seen.query else seen.path
        return make_response("", 401, {"HX-Redirect": url_for("session.new", next=safe_next(back))})
    came_from = request.full_path.rstrip("?") if request.method == "GET" else None
    return redirect(url_for("session.new", next=came_from))
