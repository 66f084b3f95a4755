"""Deleting a webhook, after a page that asks for confirmation."""

from flask import flash, render_template, request
from werkzeug.wrappers import Response

from webhooks_ui.database import writing
from webhooks_ui.views.webhooks.blueprint import blueprint
from webhooks_ui.web.answers import go, safe_next
from webhooks_ui.webhooks import changes


@blueprint.get("/<int:webhook_id>/delete")
def confirm_delete(webhook_id: int) -> str:
    webhook = changes.get(webhook_id)
    pending = changes.count_pending([webhook_id])
    return render_template("webhooks/delete.html", webhook=webhook, pending=pending)


@blueprint.post("/<int:webhook_id>/delete")
def delete(webhook_id: int) -> Response:
    with writing():
        webhook = changes.get(webhook_id, lock=True)
        changes.delete(webhook)
    flash(f"{webhook.name} was deleted.")
    return go(safe_next(request.form.get("next")))
