"""The own password: changed, set for the first time, or removed."""

from flask import Blueprint, Response, abort, current_app, flash, make_response, redirect, render_template, url_for
from flask_login import current_user
from werkzeug.wrappers import Response as BaseResponse

from webhooks_ui.database import writing
from webhooks_ui.forms.account import NewPasswordForm
from webhooks_ui.models import User
from webhooks_ui.people import accounts, second_factor
from webhooks_ui.web.access import own_account, renew_token
from webhooks_ui.web.answers import go

WRONG = "This is not your present password."
PAUSED = "Too many passwords or codes were wrong. Try again in 15 minutes."

ADDRESS = "/account/password"

blueprint = Blueprint("own_password", __name__)


@blueprint.before_request
def check_passwords() -> None:
    """Answer with 404 if nobody signs in with a password."""
    if not current_app.config["PASSWORD_SIGN_IN"]:
        abort(404)


@blueprint.get("/.well-known/change-password")
def find() -> BaseResponse:
    """Lead to the page, whose address password managers don't know (W3C, A Well-Known URL for Changing Passwords)."""
    return redirect(url_for(".edit"))


@blueprint.get(ADDRESS)
def edit() -> Response:
    return _page(_form(formdata=None))


@blueprint.post(ADDRESS)
def update() -> BaseResponse:
    form = _form()
    if not form.validate():
        return _page(form, 422)
    with writing():
        user = accounts.lock(current_user.id) or abort(404)
        problem = _problem_of(user, form) if form.present else None
        if problem is None:
            accounts.set_password(user, form.password.data or "", keep=renew_token())
    if problem:
        form.present.errors = [problem]
        return _page(form, 422)
    flash("Your password was saved. All your other sessions were ended.")
    return go(url_for("account.index"))


@blueprint.get(f"{ADDRESS}/remove")
def confirm_remove() -> str:
    return render_template("account/remove_password.html")


@blueprint.post(f"{ADDRESS}/remove")
def remove() -> BaseResponse:
    try:
        with writing():
            accounts.remove_password(accounts.lock(current_user.id) or abort(404), keep=renew_token())
    except accounts.Refused as error:
        flash(str(error), "error")
    else:
        flash("Your password was removed. All your other sessions were ended.")
    return go(url_for("account.index"))


def _problem_of(user: User, form: NewPasswordForm) -> str | None:
    """Return what is wrong with the present password. Wrong ones count, so that nobody can try many."""
    if second_factor.is_paused(user):
        return PAUSED
    if user.has_password(form.present.data or ""):
        user.wrong_codes = 0
        return None
    second_factor.note_wrong(user)
    return WRONG


def _form(**options: None) -> NewPasswordForm:
    about = (current_user.email, current_user.name)
    return NewPasswordForm(about=about, asks_present=own_account().password_hash is not None, **options)


def _page(form: NewPasswordForm, status: int = 200) -> Response:
    return make_response(render_template("account/password.html", form=form), status)
