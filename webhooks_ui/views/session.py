"""Signing in and out."""

from flask import Blueprint, Response, current_app, flash, redirect, request, url_for
from flask_login import current_user
from werkzeug.wrappers import Response as BaseResponse

from webhooks_ui.forms.account import CodeForm
from webhooks_ui.forms.sign_in import LoginForm
from webhooks_ui.models import SignInMethod, User
from webhooks_ui.people import accounts
from webhooks_ui.people.passkeys import site
from webhooks_ui.views import second_factor
from webhooks_ui.web import resume
from webhooks_ui.web.answers import render, safe_next
from webhooks_ui.web.extensions import csrf
from webhooks_ui.web.sign_in import begin_half, forget_half, refuse, sign_in, sign_out
from webhooks_ui.web.sign_in_throttle import count_try, take_back

WRONG = "The email address or the password is wrong. Check both and try again."
ENDED = "Your session has ended. What you typed is kept. Sign in again, then send it."
DEACTIVATED = "This account is deactivated. Ask a super admin to activate it."

blueprint = Blueprint("session", __name__)
_nobody = User(email="", role="")


@blueprint.get("/login")
def new() -> BaseResponse:
    """Show the page to sign in on. ``again`` shows it to people who have signed in, too."""
    if current_user.is_authenticated and "again" not in request.args:
        return redirect(safe_next(request.args.get("next")))
    forget_half()
    email = current_user.email if current_user.is_authenticated else None
    return page(LoginForm(formdata=None, data={"email": email}))


@blueprint.post("/login")
def create() -> BaseResponse:
    if not current_app.config["PASSWORD_SIGN_IN"]:
        return page(LoginForm(formdata=None), 422, "Passwords are switched off here. Use another way to sign in.")
    form = LoginForm()
    if not form.validate():
        return page(form, 422)
    email = accounts.normal_email(form.email.data or "")
    count_try(email)
    user = accounts.find(email)
    # The check takes equally long for an address that nobody has, to hide that.
    has_password = (user or _nobody).has_password(form.password.data or "")
    if user is None or not has_password or not user.is_active:
        is_deactivated = user is not None and has_password
        refuse(email, user, "deactivated" if is_deactivated else "wrong password" if user else "unknown address")
        form.password.errors = [DEACTIVATED if is_deactivated else WRONG]
        return page(form, 422)
    take_back(email)
    if user.has_second_factor:
        begin_half(user, SignInMethod.PASSWORD)
        if resume.carried():
            return second_factor.page(user, CodeForm(formdata=None))
        return redirect(url_for("second_factor.new", next=request.args.get("next")), 303)
    return sign_in(user, SignInMethod.PASSWORD)


@blueprint.post("/login/again")
def ended() -> BaseResponse:
    """Ask to sign in again, on the page whose form was sent. What was typed is kept.

    The form comes here, too, after somebody has signed in in another tab.
    """
    kept = resume.carried()
    if not kept or not resume.is_from_here():
        return redirect(url_for("session.new"), 303)
    if current_user.is_authenticated:
        return resume.page(kept)
    response = page(LoginForm(formdata=None), 401, ENDED)
    if "HX-Request" in request.headers:
        response.headers |= {"HX-Retarget": "#main", "HX-Reswap": "innerHTML show:window:top"}
    return response


csrf.exempt(ended)  # it changes nothing, and its page was made for a session that is over


@blueprint.post("/logout")
def destroy() -> BaseResponse:
    sign_out()
    flash("You are signed out.")
    return redirect(url_for("session.new"), 303)


def page(form: LoginForm, status: int = 200, error: str = "") -> Response:
    """Return the page to sign in on."""
    config = current_app.config
    error = error or (ENDED if resume.carried() else "")
    return render(
        "session/new.html",
        "session/_new.html",
        status,
        form=form,
        error=error,
        provider=config["OIDC"],
        has_passwords=config["PASSWORD_SIGN_IN"],
        can_ask_for_password=config["PASSWORD_SIGN_IN"] and config["SMTP"] is not None,
        passkey_site=site(config["PUBLIC_URL"]),
    )
