"""The account: the name, the ways to sign in, and the sessions."""

from flask import Blueprint, Response, abort, current_app, flash, make_response, render_template, url_for
from flask_login import current_user
from werkzeug.wrappers import Response as BaseResponse

from webhooks_ui.database import db, writing
from webhooks_ui.forms.account import NameForm
from webhooks_ui.models import UserSession
from webhooks_ui.people import accounts, passkeys, recovery_codes, sessions
from webhooks_ui.views.account.devices import device
from webhooks_ui.web.access import current_session, own_account, renew_token
from webhooks_ui.web.answers import go

blueprint = Blueprint("account", __name__, url_prefix="/account")


@blueprint.get("")
def index() -> Response:
    return _page(NameForm(formdata=None, data={"name": current_user.name}))


@blueprint.post("/name")
def rename() -> BaseResponse:
    form = NameForm()
    if not form.validate():
        return _page(form, 422)
    with writing():
        accounts.rename(accounts.lock(current_user.id) or abort(404), form.name.data or "")
    flash("Your name was saved.")
    return go(url_for(".index"))


@blueprint.post("/sessions/<int:session_id>/end")
def end_session(session_id: int) -> BaseResponse:
    """End one session of the person. This does nothing if it ended before."""
    with writing():
        found = db.session.get(UserSession, session_id, with_for_update=True)
        if found is not None and found.user_id == current_user.id:
            accounts.end_session(found)
    flash("The session was ended.")
    return go(url_for(".index", _anchor="sessions"))


@blueprint.post("/sessions/end-others")
def end_other_sessions() -> BaseResponse:
    with writing():
        ended = accounts.end_sessions(accounts.lock(current_user.id) or abort(404), keep=renew_token())
    flash(f"{ended} other session{'s were' if ended != 1 else ' was'} ended.")
    return go(url_for(".index", _anchor="sessions"))


def _page(form: NameForm, status: int = 200) -> Response:
    user = own_account()
    page = render_template(
        "account/index.html",
        form=form,
        account=user,
        sessions=sessions.of(user),
        present=current_session(),
        device=device,
        codes_left=recovery_codes.count_left(user),
        passkey_site=passkeys.site(current_app.config["PUBLIC_URL"]),
        has_passwords=current_app.config["PASSWORD_SIGN_IN"],
        provider=current_app.config["OIDC"],
    )
    return make_response(page, status)
