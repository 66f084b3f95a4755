"""The authenticator app: set up with a QR code, and removed."""

from flask import Blueprint, abort, flash, make_response, render_template, url_for
from flask_login import current_user
from werkzeug.wrappers import Response as BaseResponse

from webhooks_ui.database import writing
from webhooks_ui.forms.account import CodeForm
from webhooks_ui.models.secret_box import Undecryptable
from webhooks_ui.people import accounts, second_factor, totp
from webhooks_ui.views.account.added import note_added
from webhooks_ui.web.access import own_account
from webhooks_ui.web.answers import go

WRONG = "This code is wrong. Enter the one that the app shows now. If that fails, check the clock of your phone."
PAUSED = "Too many codes were wrong. Try again in 15 minutes."
REMOVED = "The authenticator app was removed."
UNREADABLE = "The secret of the app can't be decrypted: its encryption key is gone. Set up the app again."

blueprint = Blueprint("authenticator", __name__, url_prefix="/account/authenticator")


@blueprint.post("/new")
def create() -> BaseResponse:
    """Make a secret for the app, unless one is set up."""
    with writing():
        user = accounts.lock(current_user.id) or abort(404)
        if not user.has_totp:
            totp.set_up(user)
    return go(url_for(".edit"))


@blueprint.get("")
def edit() -> BaseResponse:
    return _page(CodeForm(formdata=None))


@blueprint.post("")
def enable() -> BaseResponse:
    """Enable the app if the code shows that it is set up."""
    form = CodeForm()
    if own_account().has_totp or not form.validate():
        return _page(form, 422)
    with writing():
        user = accounts.lock(current_user.id) or abort(404)
        is_right = second_factor.enable_authenticator(user, form.code.data or "")
        address = note_added(user) if is_right else ""
    if not is_right:
        form.code.errors = [PAUSED if second_factor.is_paused(own_account()) else WRONG]
        return _page(form, 422)
    flash("The authenticator app is set up. From now on, signing in with your password asks for its code.")
    return go(address)


@blueprint.get("/remove")
def confirm_remove() -> str:
    return render_template("account/remove_authenticator.html", has_passkeys=bool(own_account().passkeys))


@blueprint.post("/remove")
def remove() -> BaseResponse:
    try:
        with writing():
            second_factor.remove_authenticator(accounts.lock(current_user.id) or abort(404))
    except accounts.Refused as error:
        flash(str(error), "error")
    else:
        flash(REMOVED)
    return go(url_for("account.index"))


def _page(form: CodeForm, status: int = 200) -> BaseResponse:
    """Show the QR code, or go back to the account if no app is being set up."""
    user = own_account()
    if user.has_totp or user.totp_secret_encrypted is None:
        return go(url_for("account.index"))
    try:
        context = {"form": form, "qr_code": totp.qr_code(user), "secret": totp.secret_of(user)}
    except Undecryptable:
        flash(UNREADABLE, "error")
        return go(url_for("account.index"))
    return make_response(render_template("account/authenticator.html", **context), status)
