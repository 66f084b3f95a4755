"""The list of what is left to do after a webhook was created, on its page."""

from flask import render_template
from werkzeug.wrappers import Response

from webhooks_ui.database import writing
from webhooks_ui.models import get_settings
from webhooks_ui.views.webhooks.blueprint import blueprint
from webhooks_ui.web.answers import go_back, wants_fragment
from webhooks_ui.webhooks import changes
from webhooks_ui.webhooks.first_steps import first_steps, note_copied


@blueprint.get("/<int:webhook_id>/first-steps")
def steps(webhook_id: int) -> str:
    """Return the list as it is now. The page polls this while something is left."""
    webhook = changes.get(webhook_id)
    return render_template(
        "webhooks/_first_steps.html",
        webhook=webhook,
        steps=first_steps(webhook),
        outgoing_addresses=get_settings()["outgoing_addresses"],
        is_polled=True,
    )


@blueprint.post("/<int:webhook_id>/first-steps/secret")
def secret_copied(webhook_id: int) -> Response | str:
    """Tick that somebody copied the secret. Pages also send this when somebody presses Copy."""
    with writing():
        note_copied(changes.get(webhook_id, lock=True))
    return steps(webhook_id) if wants_fragment() else go_back()
