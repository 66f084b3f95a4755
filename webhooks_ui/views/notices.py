"""Notices: their number on the bell of every page, and their list."""

from typing import Any

from flask import Blueprint, render_template

from webhooks_ui.web.preferences import current_environment
from webhooks_ui.webhooks.notices import count_notices, noticed_webhooks

blueprint = Blueprint("notices", __name__, url_prefix="/admin/notices")


@blueprint.app_context_processor
def add_helpers() -> dict[str, Any]:
    return {"count_notices": count_notices}


@blueprint.get("")
def index() -> str:
    environment = current_environment()
    webhooks, total = noticed_webhooks(environment), count_notices(environment)
    return render_template("notices/index.html", webhooks=webhooks, total=total)
