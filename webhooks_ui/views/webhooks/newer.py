"""What the page of a webhook offers while it stays open: the deliveries that came after it was made."""

from flask import render_template, request

from webhooks_ui.deliveries.filters import DeliveryFilters
from webhooks_ui.deliveries.pages import NEWER_MAX, count_newer
from webhooks_ui.parsing import parse_id
from webhooks_ui.views.webhooks.blueprint import blueprint
from webhooks_ui.webhooks import changes


@blueprint.get("/<int:webhook_id>/newer-deliveries")
def newer_deliveries(webhook_id: int) -> str:
    """Offer to show the deliveries that are newer than the one with the id ``than``. The page polls this."""
    webhook = changes.get(webhook_id)
    than = parse_id(request.args.get("than", "")) or 0
    count = count_newer(DeliveryFilters(webhook=str(webhook_id)), than)
    return render_template("webhooks/_newer_deliveries.html", webhook=webhook, than=than, count=count, most=NEWER_MAX)
