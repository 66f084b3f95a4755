"""The second step of signing in: a code, or a passkey, after the password."""

from flask import Blueprint, Response, current_app, flash, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from webhooks_ui.database import writing
from webhooks_ui.forms.account import CodeForm
from webhooks_ui.models import User
from webhooks_ui.people import accounts, second_factor
from webhooks_ui.people.passkeys import site
from webhooks_ui.web.sign_in import half, refuse, sign_in

WRONG = "This code is wrong, or was used already. Enter the code that the app shows now, or a recovery code."
PAUSED = "Too many codes were wrong. Wait 15 minutes, then sign in again. A passkey works at once."

blueprint = Blueprint("second_factor", __name__, url_prefix="/login/second-factor")


@blueprint.get("")
def new() -> BaseResponse:
    begun = half()
    return page(begun[0], CodeForm(formdata=None)) if begun else start_again()


@blueprint.post("")
def create() -> BaseResponse:
    begun = half()
    if begun is None:
        return start_again()
    user, method = begun
    form = CodeForm()
    if not form.validate():
        return page(user, form, 422)
    factor = _check(user.id, form.code.data or "")
    if factor is None:
        is_paused = second_factor.is_paused(user)
        refuse(user.email, user, "too many wrong codes" if is_paused else "wrong code")
        form.code.errors = [PAUSED if is_paused else WRONG]
        return page(user, form, 422)
    return sign_in(user, method, factor)


def start_again() -> BaseResponse:
    """Lead to the first step, if it was too long ago."""
    flash("Signing in took too long. Please start again.")
    return redirect(url_for("session.new", next=request.args.get("next")), 303)


def _check(user_id: int, code: str) -> second_factor.Factor | None:
    with writing():
        user = accounts.lock(user_id)
        return second_factor.accept(user, code) if user else None


def page(user: User, form: CodeForm, status: int = 200, error: str = "") -> Response:
    """Return the page of the second step."""
    passkey_site = site(current_app.config["PUBLIC_URL"]) if user.passkeys else None
    context = {"form": form, "user": user, "passkey_site": passkey_site, "error": error}
    return make_response(render_template("session/second_factor.html", **context), status)
