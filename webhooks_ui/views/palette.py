"""The command palette, which finds pages and webhooks by name, and events by their id or the keys in their data."""

from flask import Blueprint, Response, request, url_for

from webhooks_ui.deliveries.keyed import newest_events
from webhooks_ui.web.answers import render
from webhooks_ui.web.template_helpers import can
from webhooks_ui.webhooks.filters import WebhookFilters
from webhooks_ui.webhooks.pages import find_page

WEBHOOKS_MAX = 8
EVENTS_MAX = 5
PAGES = {
    "overview.index": "Overview",
    "webhooks.index": "Webhooks",
    "webhooks.new": "Create Webhook",
    "deliveries.index": "Webhook Deliveries",
    "event_types.index": "Event Types",
    "inspectors.index": "Inspector",
    "api_keys.index": "API Keys",
    "notices.index": "Notices",
    "audit_log.index": "Audit Log",
    "team.index": "Team",
    "settings.edit": "Settings",
    "account.index": "Account",
}

blueprint = Blueprint("palette", __name__, url_prefix="/admin/palette")


@blueprint.get("")
def index() -> Response:
    filters = WebhookFilters.parse({"q": request.args.get("q", ""), "environment": "", "sort": "name"})
    wanted = filters.q.lower()
    pages = [(name, url_for(endpoint)) for endpoint, name in PAGES.items() if wanted in name.lower() and can(endpoint)]
    webhooks = find_page(filters).webhooks[:WEBHOOKS_MAX] if wanted else []
    return render(
        "palette/index.html",
        "palette/_results.html",
        q=filters.q,
        pages=pages,
        webhooks=webhooks,
        events=newest_events(filters.q, EVENTS_MAX),
    )
