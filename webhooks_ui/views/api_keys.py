"""API keys: listed, created and revoked. The text of a key is shown once."""

from flask import Blueprint, Response, abort, flash, make_response, render_template, request, url_for
from sqlalchemy import select
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response as BaseResponse

from webhooks_ui import api_keys
from webhooks_ui.database import db, writing
from webhooks_ui.forms.api_key import ApiKeyForm
from webhooks_ui.models import ApiKey, Environment
from webhooks_ui.models.api_key import RATE_PER_MINUTE_DEFAULT
from webhooks_ui.web import form_tokens
from webhooks_ui.web.answers import go
from webhooks_ui.web.preferences import current_environment

blueprint = Blueprint("api_keys", __name__, url_prefix="/admin/api-keys")


@blueprint.get("")
def index() -> Response:
    return _page(ApiKeyForm(data={"environment": current_environment() or Environment.PRODUCTION}))


@blueprint.post("")
def create() -> BaseResponse:
    """Create a key, and lead to the page that shows it."""
    form = ApiKeyForm(MultiDict({"rate_per_minute": str(RATE_PER_MINUTE_DEFAULT)} | request.form.to_dict()))
    if not form.validate():
        return _page(form, 422)
    with writing():
        if address := form_tokens.begin():
            return go(address)
        key, text = api_keys.create(form.data)
        handle = form_tokens.token() or form_tokens.new_token()
        address = url_for(".created", key_id=key.id, handle=handle)
        form_tokens.finish(address)
        form_tokens.seal(handle, text)
    return go(address)


@blueprint.get("/<int:key_id>/created/<handle>")
def created(key_id: int, handle: str) -> BaseResponse:
    """Show the text of a new key. After some minutes it is gone for good."""
    key, text = _load(key_id), form_tokens.unseal(handle)
    if text is None or not key.is_text(text):
        flash("A key is shown only once, right after you create it. Revoke it and create another one.", "error")
        return go(url_for(".index"))
    response = make_response(render_template("api_keys/created.html", key=key, text=text))
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.get("/<int:key_id>/revoke")
def confirm_revoke(key_id: int) -> str:
    return render_template("api_keys/revoke.html", key=_load(key_id))


@blueprint.post("/<int:key_id>/revoke")
def revoke(key_id: int) -> BaseResponse:
    """Revoke the key. This does nothing if the key was revoked before."""
    with writing():
        key = _load(key_id)
        api_keys.revoke(key)
    flash(f"{key.name} was revoked.")
    return go(url_for(".index"))


def _load(key_id: int) -> ApiKey:
    return db.session.get(ApiKey, key_id) or abort(404)


def _page(form: ApiKeyForm, status: int = 200) -> Response:
    query = select(ApiKey).order_by(ApiKey.revoked_at.is_not(None), ApiKey.id.desc())
    if environment := current_environment():
        query = query.filter_by(environment=environment)
    return make_response(
        render_template("api_keys/index.html", form=form, keys=db.session.scalars(query).all()), status
    )
