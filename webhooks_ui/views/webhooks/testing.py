"""Test events: the example of any type, or an edited one, sent to one webhook whatever its state."""

from flask import Response, abort, flash, make_response, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from jobs.publish import NewEvent, publish_test
from webhooks_ui import audit, delivery_view, strict_json, webhook_changes
from webhooks_ui.answers import go
from webhooks_ui.event_input import FieldError, WrongEvent, check_event
from webhooks_ui.event_types import EVENT_TYPES
from webhooks_ui.extensions import db
from webhooks_ui.htmx import render, wants_fragment
from webhooks_ui.models import Delivery, Webhook
from webhooks_ui.template_helpers import pretty_json
from webhooks_ui.views.webhooks.blueprint import blueprint

EXAMPLES = {name: pretty_json(type.example) for name, type in EVENT_TYPES.items()}


@blueprint.get("/<int:webhook_id>/test")
def test_event(webhook_id: int) -> Response:
    webhook = webhook_changes.get(webhook_id)
    wanted = request.args.get("type", "")
    chosen = wanted if wanted in EVENT_TYPES else webhook.event_types[0]
    return _page(webhook, chosen, EXAMPLES[chosen])


@blueprint.post("/<int:webhook_id>/test")
def send_test(webhook_id: int) -> BaseResponse:
    webhook = webhook_changes.get(webhook_id)
    chosen, text, load = (request.form.get(name, "") for name in ("type", "data", "load"))
    if load and chosen in EVENT_TYPES:
        return _page(webhook, chosen, EXAMPLES[chosen] if load == "example" or _is_untouched(text) else text)
    try:
        event = _read(chosen, text, webhook.environment)
    except WrongEvent as error:
        return _page(
            webhook, chosen, text, 422, {wrong.field.partition(".")[0]: wrong.message for wrong in error.errors}
        )
    environment = webhook.environment
    audit.record("webhook.tested", "webhook", webhook.id, webhook.name, after={"type": chosen})
    db.session.commit()  # publishing has a transaction of its own
    delivery_id = publish_test(webhook_id, environment, event)
    if wants_fragment():
        return _result(db.session.get_one(Delivery, delivery_id))
    flash(f"A test {chosen} was sent.")
    return go(url_for("deliveries.show", delivery_id=delivery_id))


@blueprint.get("/<int:webhook_id>/test/<int:delivery_id>")
def test_result(webhook_id: int, delivery_id: int) -> Response:
    """What became of a test event: what a pending one polls; no content while it is pending."""
    delivery = db.session.get(Delivery, delivery_id)
    if delivery is None or delivery.webhook_id != webhook_id:
        abort(404)
    return _result(delivery) if delivery.is_final else make_response("", 204)


def _result(delivery: Delivery) -> Response:
    attempt = next(iter(delivery_view.attempts_of(delivery)), None)
    return make_response(render_template("webhooks/_test_result.html", delivery=delivery, attempt=attempt))


def _is_untouched(text: str) -> bool:
    """Whether nobody wrote it: it is empty, or the example of some type."""
    plain = _plain(text)
    return not plain or plain in EXAMPLES.values()


def _plain(text: str) -> str:
    return text.replace("\r\n", "\n").strip()  # as forms send it


def _read(chosen: str, text: str, environment: str) -> NewEvent:
    """The event that was asked for: with the data in ``text``, or with the example's if it is empty.

    Raises:
        WrongEvent: with a sentence for each field.
    """
    if chosen not in EVENT_TYPES:
        raise WrongEvent([FieldError("type", "Choose an event type from the list.")])
    try:
        data = strict_json.loads(text.encode()) if text.strip() else EVENT_TYPES[chosen].example
    except strict_json.BrokenJson as error:
        raise WrongEvent([FieldError("data", f"{error} Correct it, or empty the field for the example.")]) from None
    return check_event({"type": chosen, "data": data}, environment)


def _page(
    webhook: Webhook, chosen: str, data: str, status: int = 200, errors: dict[str, str] | None = None
) -> Response:
    response = render(
        "webhooks/test.html",
        "webhooks/_test_form.html",
        status,
        webhook=webhook,
        chosen=chosen,
        data=data,
        is_example=_plain(data) == EXAMPLES.get(chosen),
        errors=errors or {},
    )
    response.headers.update({"HX-Retarget": "#test-event", "HX-Reswap": "outerHTML"})  # also where a result was awaited
    return response
