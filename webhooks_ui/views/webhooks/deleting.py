"""Deleting a webhook, after a page that says what goes and what stays."""

from flask import flash, render_template, request
from werkzeug.wrappers import Response

from webhooks_ui import webhook_changes
from webhooks_ui.access import safe_next
from webhooks_ui.answers import go
from webhooks_ui.extensions import db
from webhooks_ui.views.webhooks.blueprint import blueprint


@blueprint.get("/<int:webhook_id>/delete")
def confirm_delete(webhook_id: int) -> str:
    webhook = webhook_changes.get(webhook_id)
    pending = webhook_changes.count_pending([webhook_id])
    return render_template("webhooks/delete.html", webhook=webhook, pending=pending)


@blueprint.post("/<int:webhook_id>/delete")
def delete(webhook_id: int) -> Response:
    webhook = webhook_changes.get(webhook_id, lock=True)
    name = webhook.name
    webhook_changes.delete(webhook)
    db.session.commit()
    flash(f"{name} was deleted.")
    return go(safe_next(request.form.get("next")))
