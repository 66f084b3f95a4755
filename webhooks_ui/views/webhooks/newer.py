"""What the page of a webhook offers, or shows if it is live: the deliveries that came after it was made."""

from flask import Response, make_response, render_template, request

from webhooks_ui.deliveries.filters import DeliveryFilters
from webhooks_ui.deliveries.following import Seen
from webhooks_ui.deliveries.pages import NEWER_MAX, count_newer
from webhooks_ui.parsing import parse_id
from webhooks_ui.views.webhooks.blueprint import blueprint
from webhooks_ui.views.webhooks.show import recent
from webhooks_ui.webhooks import changes


@blueprint.get("/<int:webhook_id>/newer-deliveries")
def newer_deliveries(webhook_id: int) -> str:
    """Offer to show the deliveries that are newer than the one with the id ``than``. The page polls this."""
    webhook = changes.get(webhook_id)
    than = parse_id(request.args.get("than", "")) or 0
    count = count_newer(DeliveryFilters(webhook=str(webhook_id)), than)
    return render_template("webhooks/_newer_deliveries.html", webhook=webhook, than=than, count=count, most=NEWER_MAX)


@blueprint.get("/<int:webhook_id>/follow")
def follow_deliveries(webhook_id: int) -> Response:
    """Return the recent deliveries if they aren't what the page shows any more, else 204. A live page polls this."""
    webhook = changes.get(webhook_id)
    seen = Seen.parse(request.args)
    if not seen.may_differ(DeliveryFilters(webhook=str(webhook_id))):
        return Response(status=204)
    context = recent(webhook_id)
    if context["seen"].marks == seen.marks:
        return Response(status=204)
    arrived = seen.arrived(context["deliveries"])
    return make_response(render_template("webhooks/_recent_rows.html", webhook=webhook, **context, arrived=arrived))
