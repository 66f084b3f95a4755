"""The page of an API key: what it may do, its use, and revoking it."""

from flask import flash, render_template, url_for
from werkzeug.wrappers import Response

from webhooks_ui import api_keys
from webhooks_ui.database import writing
from webhooks_ui.forms.api_key import OVERLAPS_HOURS
from webhooks_ui.models.scope import MEANINGS, ready_choice
from webhooks_ui.views.api_keys.blueprint import blueprint, load
from webhooks_ui.web.answers import go


@blueprint.get("/<int:key_id>")
def show(key_id: int) -> str:
    key = load(key_id)
    context = {"meanings": MEANINGS, "chosen": ready_choice(key.scopes), "overlaps": OVERLAPS_HOURS}
    return render_template("api_keys/show.html", key=key, **context)


@blueprint.get("/<int:key_id>/revoke")
def confirm_revoke(key_id: int) -> str:
    return render_template("api_keys/revoke.html", key=load(key_id))


@blueprint.post("/<int:key_id>/revoke")
def revoke(key_id: int) -> Response:
    """Revoke the key. This does nothing if the key was revoked before."""
    with writing():
        key = load(key_id, lock=True)
        api_keys.revoke(key)
    flash(f"{key.name} was revoked.")
    return go(url_for(".index"))
