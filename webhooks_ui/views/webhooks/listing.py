"""The list, and the switch of each row."""

from flask import flash, render_template, request, url_for
from werkzeug.exceptions import UnprocessableEntity
from werkzeug.wrappers import Response

from jobs.wake import wake
from webhooks_ui import webhook_changes
from webhooks_ui.answers import go_back
from webhooks_ui.environment import follow_filter
from webhooks_ui.extensions import db
from webhooks_ui.htmx import render, wants_fragment
from webhooks_ui.page_size import remember_page_size
from webhooks_ui.views.webhooks.blueprint import blueprint
from webhooks_ui.webhook_form import switch_value
from webhooks_ui.webhook_list import Filters, find
from webhooks_ui.webhook_stats import last_day


@blueprint.get("")
def index() -> Response:
    filters = Filters.parse(request.args)
    remember_page_size(filters.size)
    found = find(filters)
    health = last_day(webhook.id for webhook in found.webhooks)
    response = render(
        "webhooks/index.html",
        "webhooks/_list.html",
        filters=filters,
        found=found,
        health=health,
        environment_changed=follow_filter(filters.environment),
    )
    if request.headers.get("HX-Trigger") == "webhook-filters":
        # A form names its empty fields too: the address bar gets the short form.
        response.headers["HX-Replace-Url"] = url_for("webhooks.index", **filters.query())
    return response


@blueprint.post("/<int:webhook_id>/active")
def set_active(webhook_id: int) -> Response | str:
    wanted = switch_value(request.form.get("active", ""))
    if wanted is None:
        raise UnprocessableEntity("The field active must be true or false.")
    webhook = webhook_changes.get(webhook_id, lock=True)
    webhook_changes.set_active(webhook, wanted)
    db.session.commit()
    if wanted:
        wake()  # what waited for it may go out now
    message = f"{webhook.name} is {'active' if wanted else 'inactive'} now."
    if wants_fragment():
        return render_template("webhooks/_row.html", webhook=webhook, message=message, health=last_day([webhook.id]))
    flash(message)
    return go_back()
