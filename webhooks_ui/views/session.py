"""Signing in and out."""

from flask import Blueprint, Response, flash, make_response, redirect, render_template, request, session, url_for
from flask_login import current_user, login_user, logout_user
from werkzeug.security import generate_password_hash
from werkzeug.wrappers import Response as BaseResponse

from webhooks_ui.database import db
from webhooks_ui.forms import LoginForm
from webhooks_ui.models import User
from webhooks_ui.web.answers import safe_next
from webhooks_ui.web.sign_in_throttle import count_try, take_back

blueprint = Blueprint("session", __name__)

_nobody = User(email="", role="", password_hash=generate_password_hash("nobody"))


@blueprint.get("/login")
def new() -> BaseResponse:
    if current_user.is_authenticated:
        return redirect(safe_next(request.args.get("next")))
    return _page(LoginForm(formdata=None))


@blueprint.post("/login")
def create() -> BaseResponse:
    form = LoginForm()
    if not form.validate():
        return _page(form, 422)
    count_try(form.email.data or "")
    user = _find(form.email.data or "", form.password.data or "")
    if user is None:
        form.password.errors = ["The email address or the password is wrong. Check both and try again."]
        return _page(form, 422)
    take_back(form.email.data or "")
    session.clear()  # drops what was there before, against session fixation
    session.permanent = True
    login_user(user)
    return redirect(safe_next(request.args.get("next")), 303)


@blueprint.post("/logout")
def destroy() -> BaseResponse:
    logout_user()
    session.clear()
    flash("You are signed out.")
    return redirect(url_for("session.new"), 303)


def _find(email: str, password: str) -> User | None:
    """Return the user with that password, or None. It takes equally long if the user doesn't exist, to hide that."""
    user = db.session.scalar(db.select(User).filter_by(email=email.strip().lower()))
    return user if (user or _nobody).has_password(password) and user else None


def _page(form: LoginForm, status: int = 200) -> Response:
    return make_response(render_template("session/new.html", form=form), status)
