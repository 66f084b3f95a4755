"""API keys: what lets publishers in. The text of a key is shown once."""

from flask import Blueprint, Response, abort, flash, make_response, render_template, request, url_for
from sqlalchemy import select
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response as BaseResponse

from webhooks_ui import audit
from webhooks_ui.answers import go
from webhooks_ui.api_key_form import ApiKeyForm
from webhooks_ui.environment import current_environment
from webhooks_ui.extensions import db
from webhooks_ui.models import ApiKey, Environment, utcnow
from webhooks_ui.models.api_key import RATE_PER_MINUTE_DEFAULT

blueprint = Blueprint("api_keys", __name__, url_prefix="/admin/api-keys")


@blueprint.get("")
def index() -> Response:
    return _page(ApiKeyForm(data={"environment": current_environment() or Environment.PRODUCTION}))


@blueprint.post("")
def create() -> Response:
    """The only answer that ever holds the key."""
    form = ApiKeyForm(MultiDict({"rate_per_minute": str(RATE_PER_MINUTE_DEFAULT)} | request.form.to_dict()))
    if not form.validate():
        return _page(form, 422)
    key, text = ApiKey.make(form.name.data, form.environment.data, form.rate_per_minute.data)
    db.session.add(key)
    db.session.flush()
    audit.record("api_key.created", "api_key", key.id, key.name, after=form.data)
    db.session.commit()
    response = make_response(render_template("api_keys/created.html", key=key, text=text))
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.get("/<int:key_id>/revoke")
def confirm_revoke(key_id: int) -> str:
    return render_template("api_keys/revoke.html", key=_load(key_id))


@blueprint.post("/<int:key_id>/revoke")
def revoke(key_id: int) -> BaseResponse:
    """At once and for good; a key that was revoked before stays as it is."""
    key = _load(key_id)
    if key.revoked_at is None:
        key.revoked_at = utcnow()
        audit.record("api_key.revoked", "api_key", key.id, key.name)
        db.session.commit()
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
