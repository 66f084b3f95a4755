"""One person: what is known, the role, and what a super admin may do, after a page that asks for confirmation."""

from collections.abc import Callable
from typing import NamedTuple

from flask import Response, abort, current_app, flash, make_response, render_template, url_for
from flask_login import current_user
from werkzeug.wrappers import Response as BaseResponse

from webhooks_ui.database import db, writing
from webhooks_ui.forms.team import RoleForm
from webhooks_ui.models import TokenPurpose, User
from webhooks_ui.people import accounts, sessions, tokens
from webhooks_ui.views.team.blueprint import blueprint
from webhooks_ui.views.team.inviting import finish, hand_over
from webhooks_ui.web import form_tokens
from webhooks_ui.web.answers import go

NOT_YOURSELF = "You can't do this to your own account here. Your account page has what you need."


class Change(NamedTuple):
    """Something that a super admin may do to a person.

    Args:
        question: the title of the page that asks.
        effects: what happens then.
        button: what the button says.
        do: does it. The token of a link that it returns is handed over.
        done: what is said afterwards.
        is_for: for whom it is offered.
        purpose: what the token is for, if there is one.
        also_for_oneself: whether somebody may do it to the own account.
    """

    question: str
    effects: tuple[str, ...]
    button: str
    do: Callable[[User], object]
    done: str
    is_for: Callable[[User], bool]
    purpose: TokenPurpose | None = None
    also_for_oneself: bool = False


def _invite_again(user: User) -> str:
    return accounts.invite(user.email, user.role)[1]


CHANGES = {
    "invite-again": Change(
        "Invite {name} again?",
        (
            "The older invitation no longer works.",
            f"The new one works once, for {tokens.HOURS[TokenPurpose.INVITATION]} hours.",
        ),
        "Invite again",
        _invite_again,
        "{name} was invited again.",
        lambda user: user.is_active and user.joined_at is None,
        TokenPurpose.INVITATION,
    ),
    "reset-password": Change(
        "Reset the password of {name}?",
        (
            "The present password no longer works, and all sessions end at once.",
            f"A link to choose a new password works once, for {tokens.HOURS[TokenPurpose.NEW_PASSWORD]} hours.",
            "The second factor stays.",
        ),
        "Reset password",
        accounts.reset_password,
        "The password of {name} was reset.",
        lambda user: user.is_active and user.joined_at is not None and current_app.config["PASSWORD_SIGN_IN"],
        TokenPurpose.NEW_PASSWORD,
    ),
    "reset-second-factor": Change(
        "Reset the second factor of {name}?",
        (
            "The authenticator app, all passkeys and the recovery codes are removed.",
            "All sessions end at once.",
            "People without a password need one to sign in again. Reset the password, too.",
        ),
        "Reset second factor",
        accounts.reset_second_factor,
        "The second factor of {name} was removed.",
        lambda user: user.has_second_factor,
    ),
    "unlink": Change(
        "Unlink {name} from single sign-on?",
        ("All sessions end at once.", "The next sign-in there links the account again, by its address."),
        "Unlink",
        accounts.unlink,
        "{name} was unlinked from single sign-on.",
        lambda user: user.is_linked,
    ),
    "end-sessions": Change(
        "End all sessions of {name}?",
        ("Every browser has to sign in again.",),
        "End all sessions",
        accounts.end_sessions,
        "All sessions of {name} were ended.",
        lambda user: bool(sessions.of(user)),
    ),
    "deactivate": Change(
        "Deactivate {name}?",
        (
            "All sessions end at once, and signing in is refused.",
            "Open invitations and links no longer work.",
            "API keys stay as they are: they belong to no person.",
            "The account can be activated again.",
        ),
        "Deactivate",
        accounts.deactivate,
        "{name} was deactivated.",
        lambda user: user.is_active,
        also_for_oneself=True,
    ),
    "activate": Change(
        "Activate {name}?",
        ("Signing in works again, as before.",),
        "Activate",
        accounts.activate,
        "{name} was activated.",
        lambda user: not user.is_active,
    ),
}


@blueprint.get("/<int:user_id>")
def show(user_id: int) -> Response:
    user = db.get_or_404(User, user_id)
    return _page(user, RoleForm(formdata=None, data={"role": user.role}))


@blueprint.post("/<int:user_id>/role")
def update_role(user_id: int) -> BaseResponse:
    form = RoleForm()
    if not form.validate():
        return _page(db.get_or_404(User, user_id), form, 422)
    try:
        with writing():
            user = accounts.lock_among_super_admins(user_id) or abort(404)
            accounts.set_role(user, form.role.data)
    except accounts.Refused as error:
        form.role.errors = [str(error)]
        return _page(db.get_or_404(User, user_id), form, 422)
    flash(f"The role of {user.shown_name} was saved.")
    return go(url_for(".show", user_id=user_id))


@blueprint.get("/<int:user_id>/<name>")
def confirm(user_id: int, name: str) -> str:
    change = CHANGES.get(name) or abort(404)
    return render_template("team/confirm.html", person=db.get_or_404(User, user_id), change=change, name=name)


@blueprint.post("/<int:user_id>/<name>")
def make_change(user_id: int, name: str) -> BaseResponse:
    change = CHANGES.get(name) or abort(404)
    try:
        with writing():
            user = accounts.lock_among_super_admins(user_id) or abort(404)
            if user.id == current_user.id and not change.also_for_oneself:
                raise accounts.Refused(NOT_YOURSELF)
            if address := form_tokens.begin():
                return go(address)
            made = change.do(user)
            address = url_for(".show", user_id=user_id)
            if change.purpose:
                address = finish(user, change.purpose, str(made))
    except accounts.Refused as error:
        flash(str(error), "error")
        return go(url_for(".show", user_id=user_id))
    flash(change.done.format(name=user.shown_name))
    if change.purpose:
        return hand_over(user, change.purpose, str(made), address)
    return go(address)


def _page(user: User, form: RoleForm, status: int = 200) -> Response:
    is_self = user.id == current_user.id
    page = render_template(
        "team/show.html",
        person=user,
        form=form,
        is_self=is_self,
        methods=accounts.sign_in_methods(user),
        sessions=sessions.of(user),
        invitation_ends=tokens.expiry(TokenPurpose.INVITATION, user),
        provider=current_app.config["OIDC"],
        changes={
            name: change
            for name, change in CHANGES.items()
            if change.is_for(user) and (not is_self or change.also_for_oneself)
        },
    )
    return make_response(page, status)
