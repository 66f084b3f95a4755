"""Inviting: a link that works once is mailed, or shown to copy."""

from flask import Response, current_app, flash, make_response, render_template, url_for
from flask_login import current_user
from werkzeug.wrappers import Response as BaseResponse

from jobs.chores import account_mail
from webhooks_ui.database import db, release, writing
from webhooks_ui.forms.team import InviteForm
from webhooks_ui.models import TokenPurpose, User
from webhooks_ui.people import accounts, tokens
from webhooks_ui.people.links import address_of
from webhooks_ui.views.team.blueprint import blueprint
from webhooks_ui.web import form_tokens
from webhooks_ui.web.answers import go

WHAT = {TokenPurpose.INVITATION: "invitation", TokenPurpose.NEW_PASSWORD: "link for a new password"}


@blueprint.get("/new")
def new() -> Response:
    return _page(InviteForm(formdata=None))


@blueprint.post("")
def invite() -> BaseResponse:
    form = InviteForm()
    if not form.validate():
        return _page(form, 422)
    try:
        with writing():
            if address := form_tokens.begin():
                return go(address)
            user, token = accounts.invite(form.email.data or "", form.role.data, form.name.data or "")
            address = finish(user, TokenPurpose.INVITATION, token)
    except accounts.Refused as error:
        form.email.errors = [str(error)]
        return _page(form, 422)
    return hand_over(user, TokenPurpose.INVITATION, token, address)


@blueprint.get("/<int:user_id>/link/<handle>")
def link(user_id: int, handle: str) -> BaseResponse:
    """Show a link to copy, if it is the person's and works. After some minutes this is no longer possible."""
    user, text = db.get_or_404(User, user_id), form_tokens.unseal(handle) or ""
    purpose = TokenPurpose.INVITATION if user.joined_at is None else TokenPurpose.NEW_PASSWORD
    # Recovery codes of others and texts of API keys are kept in the same way
    if tokens.find(purpose, text.removeprefix(address_of(purpose, ""))) != user:
        flash("A link is shown only once, right after it was made. Make another one.", "error")
        return go(url_for(".show", user_id=user_id))
    ends = tokens.expiry(purpose, user)
    return make_response(render_template("team/link.html", person=user, link=text, what=WHAT[purpose], ends=ends))


def finish(user: User, purpose: TokenPurpose, token: str) -> str:
    """End the work of the form that has made the link with ``token``. Return where it leads, for ``hand_over``."""
    is_mailed = current_app.config["SMTP"] is not None
    address = url_for(".show", user_id=user.id) if is_mailed else _keep_to_show(user.id, address_of(purpose, token))
    form_tokens.finish(address)
    return address


def hand_over(user: User, purpose: TokenPurpose, token: str, address: str) -> BaseResponse:
    """Mail the link with ``token``, and lead to ``address``. If that fails, lead to a page that shows the link."""
    link, email, role, user_id = address_of(purpose, token), user.email, user.role, user.id
    if current_app.config["SMTP"] is not None:
        by = current_user.shown_name
        release()  # hold no transaction open while sending
        try:
            if purpose == TokenPurpose.INVITATION:
                account_mail.mail_invitation(email, role, link, by)
            else:
                account_mail.mail_link(email, link)
        except account_mail.NotSent as error:
            flash(f"The mail to {email} could not be sent: {error}. Copy the link instead.", "error")
            with writing():
                address = _keep_to_show(user_id, link)
        else:
            flash(f"The {WHAT[purpose]} was mailed to {email}.")
    return go(address)


def _keep_to_show(user_id: int, link: str) -> str:
    """Keep the link for some minutes. Return the address of the page that shows it. The caller commits."""
    handle = form_tokens.new_token()
    form_tokens.seal_apart(handle, link)
    return url_for(".link", user_id=user_id, handle=handle)


def _page(form: InviteForm, status: int = 200) -> Response:
    smtp = current_app.config["SMTP"]
    context = {"mail_host": smtp.host if smtp else None, "hours": tokens.HOURS[TokenPurpose.INVITATION]}
    return make_response(render_template("team/new.html", form=form, **context), status)
