"""The text of a new or rolled API key, which is shown once, and rolling."""

from flask import flash, make_response, render_template, request, url_for
from werkzeug.exceptions import UnprocessableEntity
from werkzeug.wrappers import Response

from webhooks_ui import api_keys
from webhooks_ui.database import writing
from webhooks_ui.forms.api_key import OVERLAPS_HOURS
from webhooks_ui.models import ApiKey
from webhooks_ui.views.api_keys.blueprint import blueprint, load
from webhooks_ui.web import form_tokens
from webhooks_ui.web.answers import go

SHOWN_MINUTES = int(form_tokens.SEALED_FOR.total_seconds()) // 60


def keep_text(key: ApiKey, text: str) -> str:
    """Keep the text for some minutes, and return the address of the page that shows it."""
    handle = form_tokens.token() or form_tokens.new_token()
    address = url_for("api_keys.created", key_id=key.id, handle=handle)
    form_tokens.finish(address)
    form_tokens.seal(handle, text)
    return address


@blueprint.get("/<int:key_id>/created/<handle>")
def created(key_id: int, handle: str) -> Response:
    """Show the text of a new or rolled key. After some minutes it is gone for good."""
    key, text = load(key_id), form_tokens.unseal(handle)
    if text is None or not key.is_text(text):
        flash("The text of a key is shown only once. If you don't have it, roll the key to get a new one.", "error")
        return go(url_for(".show", key_id=key_id))
    return make_response(render_template("api_keys/created.html", key=key, text=text, SHOWN_MINUTES=SHOWN_MINUTES))


@blueprint.post("/<int:key_id>/roll")
def roll(key_id: int) -> Response:
    """Give the key a new text, and lead to the page that shows it."""
    hours = request.form.get("overlap_hours", "")
    if hours not in map(str, OVERLAPS_HOURS):
        raise UnprocessableEntity(f"The field overlap_hours must be one of {', '.join(map(str, OVERLAPS_HOURS))}.")
    try:
        with writing():
            key = load(key_id, lock=True)
            if address := form_tokens.begin():
                return go(address)
            address = keep_text(key, api_keys.roll(key, int(hours)))
    except api_keys.NotRolled as error:
        flash(str(error), "error")
        return go(url_for(".show", key_id=key_id))
    return go(address)


@blueprint.post("/<int:key_id>/older/end")
def end_older(key_id: int) -> Response:
    """Refuse the old text from now on. This does nothing if it had ended before."""
    with writing():
        key = load(key_id, lock=True)
        api_keys.end_older(key)
    flash(f"The old text of {key.name} no longer works.")
    return go(url_for(".show", key_id=key_id))
