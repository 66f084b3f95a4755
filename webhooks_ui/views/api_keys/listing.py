"""The list of API keys."""

from flask import render_template
from sqlalchemy import select

from webhooks_ui.database import db
from webhooks_ui.models import ApiKey
from webhooks_ui.models.scope import ready_choice
from webhooks_ui.views.api_keys.blueprint import blueprint
from webhooks_ui.web.preferences import current_environment


@blueprint.get("")
def index() -> str:
    query = select(ApiKey).order_by(ApiKey.revoked_at.is_not(None), ApiKey.id.desc())
    if environment := current_environment():
        query = query.filter_by(environment=environment)
    keys = db.session.scalars(query).all()
    return render_template("api_keys/index.html", keys=keys, ready_choice=ready_choice)
