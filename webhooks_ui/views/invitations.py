"""Invitations: accepted through their link, with a password, a passkey, or by single sign-on."""

from flask import Blueprint, Response, abort, current_app, make_response, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from webhooks_ui import audit
from webhooks_ui.database import writing
from webhooks_ui.forms.account import JoinForm
from webhooks_ui.models import SignInMethod, TokenPurpose, User
from webhooks_ui.people import accounts, passkeys, recovery_codes, tokens
from webhooks_ui.views.account.recovery_codes import keep_to_show
from webhooks_ui.views.passkeys import site
from webhooks_ui.web.passkey_challenge import ask, asked
from webhooks_ui.web.sign_in import sign_in

REFUSED = "The passkey was not accepted. Try again, or choose a password."

blueprint = Blueprint("invitations", __name__, url_prefix="/invitations")


@blueprint.get("/<token>")
def edit(token: str) -> Response:
    user = _user(token)
    return _page(user, JoinForm(formdata=None, data={"name": user.name}))


@blueprint.post("/<token>")
def accept(token: str) -> BaseResponse:
    """Accept with a password."""
    user = _user(token)
    if not current_app.config["PASSWORD_SIGN_IN"]:
        abort(404)
    form = JoinForm(about=(user.email, request.form.get("name", "")))
    if not form.validate():
        return _page(user, form, 422)
    audit.act_as(user.email)
    with writing():
        user = _join(token, form.name.data or "")
        accounts.set_password(user, form.password.data or "")
    return sign_in(user, SignInMethod.LINK)


@blueprint.post("/<token>/passkey/options")
def passkey_options(token: str) -> Response:
    """Return what the browser needs to make the passkey."""
    with writing():  # the handle of the first passkey
        user = accounts.lock(_user(token).id) or abort(404)
        return ask(*passkeys.options_to_create(site(), user, alone=True))


@blueprint.post("/<token>/passkey")
def accept_with_passkey(token: str) -> BaseResponse:
    """Accept with a passkey as the only factor."""
    user = _user(token)
    audit.act_as(user.email)
    try:
        with writing():
            user = _join(token, user.name)
            passkeys.add(site(), user, request.form.get("answer", ""), asked(), "Passkey", alone=True)
            address = keep_to_show(recovery_codes.replace(user))
    except passkeys.Invalid as error:
        current_app.logger.warning("A passkey was refused: %s", error)
        return _page(user, JoinForm(formdata=None, data={"name": user.name}), 422, REFUSED)
    return sign_in(user, SignInMethod.PASSKEY, back=address)


def _join(token: str, name: str) -> User:
    """Use the invitation up. Of two requests, one gets the person. Answer the other with 404."""
    used = tokens.use(TokenPurpose.INVITATION, token) or abort(404)
    user = accounts.lock(used.id) or abort(404)
    if name != user.name:
        accounts.rename(user, name)
    accounts.join(user)
    return user


def _user(token: str) -> User:
    """Return who was invited. Answer with 404 if the invitation no longer works."""
    return tokens.find(TokenPurpose.INVITATION, token) or abort(404)


def _page(user: User, form: JoinForm, status: int = 200, error: str = "") -> Response:
    config = current_app.config
    context = {
        "user": user,
        "form": form,
        "error": error,
        "has_passwords": config["PASSWORD_SIGN_IN"],
        "passkey_site": passkeys.site(config["PUBLIC_URL"]),
        "provider": config["OIDC"],
        "home": url_for("home"),
    }
    return make_response(render_template("session/invitation.html", **context), status)
