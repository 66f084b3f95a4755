"""The list of what is left to do after a webhook was created, on its page."""

from flask import make_response, render_template, request
from werkzeug.wrappers import Response

from webhooks_ui.database import writing
from webhooks_ui.models import Webhook, get_settings
from webhooks_ui.views.webhooks.blueprint import blueprint
from webhooks_ui.web.answers import go_back, wants_fragment
from webhooks_ui.webhooks import changes
from webhooks_ui.webhooks.first_steps import FirstSteps, first_steps, note_copied


@blueprint.get("/<int:webhook_id>/first-steps")
def steps(webhook_id: int) -> Response:
    """Return the list as it is now, or no content if it is as the page shows it. The page polls this."""
    webhook = changes.get(webhook_id)
    found = first_steps(webhook)
    if found and found.mark == request.args.get("seen"):
        return make_response("", 204)
    return _list(webhook, found)


@blueprint.post("/<int:webhook_id>/first-steps/secret")
def secret_copied(webhook_id: int) -> Response:
    """Tick that somebody copied the secret. Pages also send this when somebody presses Copy."""
    with writing():
        webhook = changes.get(webhook_id, lock=True)
        note_copied(webhook)
    return _list(webhook, first_steps(webhook)) if wants_fragment() else go_back()


def _list(webhook: Webhook, found: FirstSteps | None) -> Response:
    addresses = get_settings()["outgoing_addresses"]
    context = {"webhook": webhook, "steps": found, "outgoing_addresses": addresses, "is_polled": True}
    return make_response(render_template("webhooks/_first_steps.html", **context))
