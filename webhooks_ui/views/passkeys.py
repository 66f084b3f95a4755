"""Signing in with a passkey, alone or after a password."""

import logging

from flask import Blueprint, Response, abort, current_app, redirect, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from webhooks_ui.database import writing
from webhooks_ui.forms.account import CodeForm
from webhooks_ui.forms.sign_in import LoginForm
from webhooks_ui.models import SignInMethod, User
from webhooks_ui.people import passkeys
from webhooks_ui.people.second_factor import Factor
from webhooks_ui.views import second_factor, session
from webhooks_ui.web.extensions import limiter
from webhooks_ui.web.passkey_challenge import ask, asked
from webhooks_ui.web.sign_in import half, refuse, sign_in
from webhooks_ui.web.sign_in_throttle import FAILURES_PER_MINUTE

REFUSED = "The passkey was not accepted. Try again, or use another way to sign in."

blueprint = Blueprint("passkeys", __name__, url_prefix="/login/passkey")
logger = logging.getLogger(__name__)


@blueprint.post("/options")
def options() -> Response:
    """Return what the browser needs to ask for a passkey. After a password, only those of that person will do."""
    begun = half()
    return ask(*passkeys.options_to_use(site(), begun[0] if begun else None))


@blueprint.get("")
def new() -> BaseResponse:
    """Lead to the page with the button, for people who reload the answer to it."""
    return redirect(url_for("session.new", next=request.args.get("next")))


@blueprint.post("")
@limiter.limit(f"{FAILURES_PER_MINUTE}/minute", deduct_when=lambda response: response.status_code == 422)
def create() -> BaseResponse:
    begun = half()
    person = begun[0] if begun else None
    try:
        with writing():
            user = _use(person)
    except passkeys.Invalid as error:
        logger.warning("A passkey was refused: %s", error)
        refuse(person.email if person else "", person, "passkey refused")
        if person:
            return second_factor.page(person, CodeForm(formdata=None), 422, REFUSED)
        return session.page(LoginForm(formdata=None), 422, REFUSED)
    return sign_in(user, begun[1], Factor.PASSKEY) if begun else sign_in(user, SignInMethod.PASSKEY)


def site() -> passkeys.Site:
    """Return the site that passkeys are bound to. Answer with 404 if there can be none."""
    return passkeys.site(current_app.config["PUBLIC_URL"]) or abort(404)


def _use(person: User | None) -> User:
    challenge = asked()
    if not challenge:
        raise passkeys.Invalid("This browser was not asked for a passkey, or it was too long ago.")
    user = passkeys.use(site(), request.form.get("answer", ""), challenge, person)
    if not user.is_active:
        raise passkeys.Invalid(f"The account of {user.email} is deactivated.")
    user.wrong_codes = 0
    return user
