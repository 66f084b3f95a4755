"""The own passkeys: made in the browser, and removed."""

from flask import (
    Blueprint,
    Response,
    abort,
    current_app,
    flash,
    make_response,
    render_template,
    request,
    url_for,
)
from flask_login import current_user
from werkzeug.wrappers import Response as BaseResponse

from webhooks_ui.database import db, writing
from webhooks_ui.forms.account import PasskeyForm
from webhooks_ui.models import Passkey
from webhooks_ui.people import accounts, passkeys, second_factor
from webhooks_ui.views.account.added import note_added
from webhooks_ui.views.account.devices import device
from webhooks_ui.views.passkeys import site
from webhooks_ui.web.answers import go
from webhooks_ui.web.passkey_challenge import ask, asked

REFUSED = "The passkey was not accepted. Try again."

blueprint = Blueprint("own_passkeys", __name__, url_prefix="/account/passkeys")


@blueprint.get("/new")
def new() -> Response:
    name = device(request.headers.get("User-Agent", ""))
    return _page(PasskeyForm(formdata=None, data={"name": name}))


@blueprint.post("/options")
def options() -> Response:
    """Return what the browser needs to make a passkey."""
    with writing():  # the handle of the first passkey
        user = accounts.lock(current_user.id) or abort(404)
        return ask(*passkeys.options_to_create(site(), user))


@blueprint.post("")
def create() -> BaseResponse:
    form = PasskeyForm()
    if not form.validate():
        return _page(form, 422)
    try:
        with writing():
            user = accounts.lock(current_user.id) or abort(404)
            passkeys.add(site(), user, request.form.get("answer", ""), asked(), form.name.data or "")
            address = note_added(user)
    except passkeys.Invalid as error:
        current_app.logger.warning("A passkey was refused: %s", error)
        return _page(form, 422, REFUSED)
    flash("The passkey was added.")
    return go(address)


@blueprint.get("/<int:passkey_id>/remove")
def confirm_remove(passkey_id: int) -> str:
    return render_template("account/remove_passkey.html", passkey=_own(passkey_id))


@blueprint.post("/<int:passkey_id>/remove")
def remove(passkey_id: int) -> BaseResponse:
    try:
        with writing():
            user = accounts.lock(current_user.id) or abort(404)
            second_factor.remove_passkey(user, _own(passkey_id))
    except accounts.Refused as error:
        flash(str(error), "error")
    else:
        flash("The passkey was removed.")
    return go(url_for("account.index"))


def _own(passkey_id: int) -> Passkey:
    """Return a passkey of the person. Answer with 404 if there is none with that id."""
    passkey = db.session.get(Passkey, passkey_id)
    return passkey if passkey and passkey.user_id == current_user.id else abort(404)


def _page(form: PasskeyForm, status: int = 200, error: str = "") -> Response:
    passkey_site = passkeys.site(current_app.config["PUBLIC_URL"])
    page = render_template("account/new_passkey.html", form=form, passkey_site=passkey_site, error=error)
    return make_response(page, status)
