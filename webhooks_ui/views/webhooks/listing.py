"""The list of webhooks, and the switch that activates and deactivates a webhook."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl

from flask import abort, flash, make_response, render_template, request, url_for
from werkzeug.exceptions import NotFound, UnprocessableEntity
from werkzeug.wrappers import Response

from webhooks_ui.database import db, writing
from webhooks_ui.forms.webhook import switch_value
from webhooks_ui.models import Webhook
from webhooks_ui.views.webhooks.blueprint import blueprint
from webhooks_ui.views.webhooks.query import filters_of, query_of
from webhooks_ui.web.answers import PRINTED_MAX, go, go_back, render, shorten_address, wants_fragment, wants_print
from webhooks_ui.web.preferences import remember_page_size
from webhooks_ui.web.template_helpers import back_to_list, sees
from webhooks_ui.webhooks import changes
from webhooks_ui.webhooks.filters import WebhookFilters
from webhooks_ui.webhooks.pages import WebhookRow, event_types_of, find_page
from webhooks_ui.webhooks.stats import last_day


@blueprint.get("")
def index() -> Response:
    filters = filters_of(request.args)
    if wants_print():
        return _printed(filters)
    remember_page_size(filters.size)
    found = find_page(filters, sees("whole URL"))
    response = render(
        "webhooks/index.html", "webhooks/_list.html", filters=filters, found=found, **_facts(found.webhooks)
    )
    return shorten_address(response, "webhook-filters", url_for("webhooks.index", **query_of(filters)))


def _printed(filters: WebhookFilters) -> Response:
    found = find_page(filters.with_(size=PRINTED_MAX, page=1), sees("whole URL"))
    page = render_template("webhooks/print.html", filters=filters, found=found, **_facts(found.webhooks))
    return make_response(page)


def _facts(webhooks: Sequence[Webhook | WebhookRow]) -> dict[str, Any]:
    """Return what rows show beside the columns of their webhooks, each by the webhook's id."""
    ids = [webhook.id for webhook in webhooks]
    return {"health": last_day(ids), "event_types": event_types_of(ids)}


@blueprint.post("/<int:webhook_id>/active")
def set_active(webhook_id: int) -> Response | str:
    wanted = switch_value(request.form.get("active", ""))
    if wanted is None:
        raise UnprocessableEntity("The field active must be true or false.")
    try:
        with writing():
            webhook = changes.get(webhook_id, lock=True)
            changed = changes.set_active(webhook, wanted)
    except NotFound:
        return _deleted_meanwhile(webhook_id)
    message = f"{webhook.name} is {'active' if wanted else 'inactive'} {'now' if changed else 'already'}."
    if wants_fragment():
        return _row(message, webhook)
    flash(message)
    return go_back()


def _deleted_meanwhile(webhook_id: int) -> Response | str:
    """Remove a deleted webhook from a page that still shows it. Answer with 404 if it never existed."""
    webhook = db.session.get(Webhook, webhook_id) or abort(404)
    message = f"{webhook.name} was deleted in the meantime."
    if wants_fragment():
        return _row(message)
    flash(message, "error")
    return go(back_to_list("webhooks.index"), leave=True)


def _row(message: str, webhook: Webhook | None = None) -> str:
    """Render the changed row, or nothing for a deleted webhook. For the list, add the new counts."""
    address, _, query = request.headers.get("HX-Current-URL", "").partition("?")
    context: dict[str, Any] = {}
    if address.endswith(url_for("webhooks.index")):
        filters = filters_of(dict(parse_qsl(query, keep_blank_values=True)))
        context = {"filters": filters, "found": find_page(filters, sees("whole URL"))}
    context |= _facts([webhook]) if webhook else {}
    return render_template("webhooks/_toggled.html", webhook=webhook, message=message, **context)
