"""The command palette.

It finds pages, webhooks and saved filters by name, events by id or the keys in their data, and deliveries by number.
"""

from flask import Blueprint, Response, request, url_for
from flask_login import current_user

from webhooks_ui.database import db
from webhooks_ui.deliveries.keyed import newest_events
from webhooks_ui.models import Delivery
from webhooks_ui.parsing import parse_id
from webhooks_ui.people import saved_filters
from webhooks_ui.views.saved_filters import address_of
from webhooks_ui.web.answers import render
from webhooks_ui.web.sections import SECTIONS
from webhooks_ui.web.template_helpers import can
from webhooks_ui.webhooks.filters import WebhookFilters
from webhooks_ui.webhooks.pages import find_page

WEBHOOKS_MAX = 8
EVENTS_MAX = 5
FILTERS_MAX = 8

blueprint = Blueprint("palette", __name__, url_prefix="/admin/palette")


@blueprint.get("")
def index() -> Response:
    filters = WebhookFilters.parse({"q": request.args.get("q", ""), "environment": "", "sort": "name"})
    wanted = filters.q.lower()
    pages = [
        (page.name, url_for(page.endpoint)) for page in SECTIONS if wanted in page.name.lower() and can(page.endpoint)
    ]
    found = find_page(filters).webhooks if wanted else []
    saved = saved_filters.named(current_user, filters.q, FILTERS_MAX + 1) if wanted else []
    events = newest_events(filters.q, EVENTS_MAX + 1)
    return render(
        "palette/index.html",
        "palette/_results.html",
        q=filters.q,
        pages=pages,
        filters=[(each, address_of(each.list, each.query)) for each in saved[:FILTERS_MAX]],
        webhooks=found[:WEBHOOKS_MAX],
        has_more_webhooks=len(found) > WEBHOOKS_MAX,
        delivery=_delivery(filters.q),
        events=events[:EVENTS_MAX],
        is_cut=len(found) > WEBHOOKS_MAX or len(saved) > FILTERS_MAX or len(events) > EVENTS_MAX,
    )


def _delivery(text: str) -> Delivery | None:
    """Return the delivery with this number, if there is one."""
    id = parse_id(text)
    return None if id is None else db.session.get(Delivery, id)
