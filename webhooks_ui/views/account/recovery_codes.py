"""Recovery codes: shown once, right after they were made."""

from flask import Blueprint, flash, make_response, render_template, url_for
from flask_login import current_user
from werkzeug.wrappers import Response

from webhooks_ui.database import writing
from webhooks_ui.people import accounts, recovery_codes
from webhooks_ui.web import form_tokens
from webhooks_ui.web.access import own_account
from webhooks_ui.web.answers import go

blueprint = Blueprint("recovery_codes", __name__, url_prefix="/account/recovery-codes")


def keep_to_show(codes: list[str]) -> str:
    """Keep new codes for some minutes. Return the address of the page that shows them. The caller commits."""
    handle = form_tokens.new_token()
    form_tokens.seal_apart(handle, "\n".join(codes))
    return url_for("recovery_codes.show", handle=handle)


@blueprint.get("/new")
def new() -> str:
    return render_template("account/new_recovery_codes.html", left=recovery_codes.count_left(own_account()))


@blueprint.post("")
def create() -> Response:
    """Replace the codes, and lead to the page that shows the new ones."""
    with writing():
        user = accounts.lock(current_user.id)
        address = keep_to_show(recovery_codes.replace(user)) if user and user.has_second_factor else None
    if address is None:
        flash("Set up a second factor first. Recovery codes replace it.", "error")
        return go(url_for("account.index"))
    return go(address)


@blueprint.get("/<handle>")
def show(handle: str) -> Response:
    """Show the codes. After some minutes this is no longer possible."""
    codes = (form_tokens.unseal(handle) or "").split()
    if not codes or not recovery_codes.belong_to(own_account(), codes):
        flash("Recovery codes are shown only once, right after they were made. You can make new ones.", "error")
        return go(url_for("account.index"))
    return make_response(render_template("account/recovery_codes.html", codes=codes))
