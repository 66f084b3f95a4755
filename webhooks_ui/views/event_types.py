"""The catalog of event types, with examples."""

from flask import Blueprint, render_template, request

from webhooks_ui.events.types import FIELDS

blueprint = Blueprint("event_types", __name__, url_prefix="/admin/event-types")


@blueprint.get("")
def index() -> str:
    return render_template("event_types/index.html", fields=FIELDS, chosen=request.args.get("type", ""))
