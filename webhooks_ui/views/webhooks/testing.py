"""Test events: the example of any event type, or edited data, sent to one webhook whatever its status."""

from flask import Response, abort, flash, make_response, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from jobs.publish import send_test
from webhooks_ui.database import db, writing
from webhooks_ui.deliveries import display
from webhooks_ui.events import catalogue, strict_json
from webhooks_ui.events.check import FieldError, WrongEvent, check_event
from webhooks_ui.events.new_event import NewEvent
from webhooks_ui.models import Delivery, Webhook
from webhooks_ui.parsing import parse_id
from webhooks_ui.views.webhooks.blueprint import blueprint
from webhooks_ui.web import form_tokens
from webhooks_ui.web.answers import go, render, wants_fragment
from webhooks_ui.web.template_helpers import pretty_json
from webhooks_ui.webhooks import changes, saved_payloads


@blueprint.get("/<int:webhook_id>/test")
def test_event(webhook_id: int) -> Response:
    """Show the form with the example of a type, or with ``?saved=<id>`` with the data that somebody saved."""
    webhook = changes.get(webhook_id)
    saved = saved_payloads.get(parse_id(request.args.get("saved", "")) or 0)
    wanted = saved.event_type if saved else request.args.get("type", "")
    chosen = wanted if catalogue.find(wanted) else next(iter([*webhook.event_types, *catalogue.all_types()]))
    said = f"{saved.name} is in the form." if saved and wants_fragment() else ""
    return form_page(webhook, chosen, saved.data if saved else example_of(chosen), said=said)


@blueprint.post("/<int:webhook_id>/test")
def create_test(webhook_id: int) -> BaseResponse:
    webhook = changes.get(webhook_id)
    chosen, text, load = (request.form.get(name, "") for name in ("type", "data", "load"))
    if load and catalogue.find(chosen):
        return form_page(webhook, chosen, example_of(chosen) if load == "example" or _is_untouched(text) else text)
    try:
        event = read(chosen, text, webhook.environment)
    except WrongEvent as error:
        return form_page(webhook, chosen, text, 422, errors_of(error))
    with writing():
        if address := form_tokens.begin():
            return go(address)
        delivery_id = send_test(changes.get(webhook_id, lock=True), event)
        address = url_for("deliveries.show", delivery_id=delivery_id)
        form_tokens.finish(address)
    if wants_fragment():
        return _result(db.session.get_one(Delivery, delivery_id))
    flash(f"The test event {chosen} was sent.")
    return go(address)


@blueprint.get("/<int:webhook_id>/test/<int:delivery_id>")
def test_result(webhook_id: int, delivery_id: int) -> Response:
    """Answer with the result of a test event, or with no content while it is pending. The page polls this."""
    delivery = db.session.get(Delivery, delivery_id)
    if delivery is None or delivery.webhook_id != webhook_id:
        abort(404)
    return _result(delivery) if delivery.is_final else make_response("", 204)


def _result(delivery: Delivery) -> Response:
    attempt = next(iter(display.attempts_of(delivery)), None)
    return make_response(render_template("webhooks/_test_result.html", delivery=delivery, attempt=attempt))


def example_of(chosen: str) -> str:
    """Return the text of the example of a type."""
    type = catalogue.find(chosen)
    return pretty_json(type.example) if type else "{}"


def errors_of(error: WrongEvent) -> dict[str, str]:
    """Return a message for each wrong field of the form."""
    return {wrong.field.partition(".")[0]: wrong.message for wrong in error.errors}


def _is_untouched(text: str) -> bool:
    """Return True if nobody edited the text: it is empty, or the example of an event type."""
    plain = _plain(text)
    return not plain or plain in (pretty_json(type.example) for type in catalogue.all_types().values())


def _plain(text: str) -> str:
    return text.replace("\r\n", "\n").strip()  # forms send CRLF


def read(chosen: str, text: str, environment: str) -> NewEvent:
    """Make the event from the data in ``text``, or from the example of the event type if ``text`` is empty.

    Raises:
        WrongEvent: a field is wrong. It has a message for each wrong field.
    """
    known = catalogue.find(chosen)
    if known is None:
        raise WrongEvent([FieldError("type", "Choose an event type from the list.")])
    try:
        data = strict_json.load_raw(text.encode()) if text.strip() else strict_json.raw(known.example)
    except strict_json.BrokenJson as error:
        wrong = str(error).replace("The body", "The data", 1)
        raise WrongEvent([FieldError("data", f"{wrong} Correct it, or clear the field to send the example.")]) from None
    return check_event({"type": strict_json.raw(chosen), "data": data}, environment, is_test=True)


def form_page(
    webhook: Webhook,
    chosen: str,
    data: str,
    status: int = 200,
    errors: dict[str, str] | None = None,
    *,
    name: str = "",
    said: str = "",
) -> Response:
    """Answer with the form.

    Args:
        name: what was typed as the name of a payload to save.
        said: what happened, or an empty text.
    """
    if said and not wants_fragment():
        flash(said)
    response = render(
        "webhooks/test.html",
        "webhooks/_test_form.html",
        status,
        webhook=webhook,
        chosen=chosen,
        data=data,
        is_example=_plain(data) == example_of(chosen),
        errors=errors or {},
        payloads=saved_payloads.everything(),
        may_delete=saved_payloads.may_delete,
        payload_name=name,
        said=said,
    )
    # The form sends to the element of the result. An answer with the form must replace the form.
    response.headers.update({"HX-Retarget": "#test-event", "HX-Reswap": "outerHTML"})
    return response
