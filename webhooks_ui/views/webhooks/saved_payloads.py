"""Saving the data of a test event, and deleting what was saved. Both answer with the form of the test event."""

from flask import abort, flash, request, url_for
from flask_login import current_user
from werkzeug.wrappers import Response as BaseResponse

from webhooks_ui.database import writing
from webhooks_ui.events.check import WrongEvent
from webhooks_ui.people.accounts import normal_name
from webhooks_ui.views.webhooks.blueprint import blueprint
from webhooks_ui.views.webhooks.testing import errors_of, example_of, form_page, read
from webhooks_ui.web.answers import go, wants_fragment
from webhooks_ui.webhooks import changes, saved_payloads

PATH = "/<int:webhook_id>/test/payloads"


@blueprint.post(PATH)
def save_payload(webhook_id: int) -> BaseResponse:
    webhook, user_id = changes.get(webhook_id), current_user.id
    chosen, text, name = (request.form.get(field, "") for field in ("type", "data", "payload_name"))
    try:
        read(chosen, text, webhook.environment)
    except WrongEvent as error:
        return form_page(webhook, chosen, text, 422, errors_of(error), name=name)
    data = text.replace("\r\n", "\n") if text.strip() else example_of(chosen)
    try:
        with writing():
            payload_id = saved_payloads.save(chosen, normal_name(name), data, user_id).id
    except saved_payloads.Refused as error:
        return form_page(changes.get(webhook_id), chosen, text, 422, {"payload_name": str(error)}, name=name)
    if wants_fragment():
        return form_page(changes.get(webhook_id), chosen, data, said=f"{normal_name(name)} was saved.")
    flash(f"{normal_name(name)} was saved.")
    return go(url_for(".test_event", webhook_id=webhook_id, saved=payload_id))


@blueprint.post(f"{PATH}/<int:payload_id>/delete")
def delete_payload(webhook_id: int, payload_id: int) -> BaseResponse:
    """Delete a saved payload. What is typed in the form stays."""
    changes.get(webhook_id)
    with writing():
        payload = saved_payloads.get(payload_id, lock=True) or abort(404)
        if not saved_payloads.may_delete(payload, current_user):
            abort(403)
        name = payload.name
        saved_payloads.delete(payload)
    chosen, text = request.form.get("type", ""), request.form.get("data", "")
    return form_page(changes.get(webhook_id), chosen, text, said=f"{name} was deleted.")
