"""Forgotten passwords: asked for by mail, and chosen anew through the link."""

from flask import (
    Blueprint,
    Response,
    abort,
    current_app,
    flash,
    make_response,
    redirect,
    render_template,
    url_for,
)
from redis import RedisError
from rq import Queue
from werkzeug.wrappers import Response as BaseResponse

from jobs.chores.account_mail import JOB
from webhooks_ui import audit
from webhooks_ui.database import writing
from webhooks_ui.forms.account import NewPasswordForm
from webhooks_ui.forms.team import EmailForm
from webhooks_ui.models import TokenPurpose, User
from webhooks_ui.people import accounts, tokens
from webhooks_ui.wake import CHORES, KEPT_FOR
from webhooks_ui.web.extensions import limiter

ASKED_PER_HOUR = 20
SENT = (
    "If that address has an account, a mail with a link is on its way. "
    f"The link works for {tokens.HOURS[TokenPurpose.NEW_PASSWORD]} hours."
)
REDIS_IS_DOWN = "Mail can't be sent right now. Try again in a minute."

blueprint = Blueprint("new_passwords", __name__, url_prefix="/new-passwords")


@blueprint.get("")
def new() -> Response:
    _check_mail()
    return _asking(EmailForm(formdata=None))


@blueprint.post("")
@limiter.limit(f"{ASKED_PER_HOUR}/hour")
def create() -> BaseResponse:
    """Ask for a mail with a link. The answer is the same for all addresses, to hide who has an account."""
    _check_mail()
    form = EmailForm()
    if not form.validate():
        return _asking(form, 422)
    try:
        queue = Queue(CHORES, connection=current_app.extensions["redis"])
        queue.enqueue(JOB, accounts.normal_email(form.email.data or ""), **KEPT_FOR)
    except RedisError:
        form.email.errors = [REDIS_IS_DOWN]
        return _asking(form, 503)
    flash(SENT)
    return redirect(url_for("session.new"), 303)


@blueprint.get("/<token>")
def edit(token: str) -> Response:
    user = _user(token)
    return _page(user, NewPasswordForm(formdata=None), 200)


@blueprint.post("/<token>")
def update(token: str) -> BaseResponse:
    user = _user(token)
    form = NewPasswordForm(about=(user.email, user.name))
    if not form.validate():
        return _page(user, form, 422)
    audit.act_as(user.email)
    with writing():
        used = tokens.use(TokenPurpose.NEW_PASSWORD, token) or abort(404)
        accounts.set_password(accounts.lock(used.id) or used, form.password.data or "")
    flash("Your password was changed. Sign in with it.")
    return redirect(url_for("session.new"), 303)


def _check_mail() -> None:
    if not current_app.config["PASSWORD_SIGN_IN"] or current_app.config["SMTP"] is None:
        abort(404)


def _user(token: str) -> User:
    """Return whose link this is. Answer with 404 if it doesn't work, or passwords are switched off."""
    user = tokens.find(TokenPurpose.NEW_PASSWORD, token) if current_app.config["PASSWORD_SIGN_IN"] else None
    return user or abort(404)


def _asking(form: EmailForm, status: int = 200) -> Response:
    return make_response(render_template("session/forgotten.html", form=form), status)


def _page(user: User, form: NewPasswordForm, status: int) -> Response:
    return make_response(render_template("session/new_password.html", user=user, form=form), status)
