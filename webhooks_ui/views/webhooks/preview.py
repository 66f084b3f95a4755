"""The preview of the form: the very request that its settings lead to. Nothing is sent or saved."""

import time
from dataclasses import dataclass
from typing import Any

from flask import Response, current_app, request, url_for

from jobs.compose import Options, Request, Try, Uncomposable, link_of, request_of
from webhooks_ui.events.formats import FORMATS
from webhooks_ui.events.formats.message import Message, message_of
from webhooks_ui.events.formats.outgoing import Outgoing
from webhooks_ui.events.new_event import NewEvent, new_event_id, render_body
from webhooks_ui.events.types import EVENT_TYPES
from webhooks_ui.forms.webhook import WebhookForm
from webhooks_ui.models import Environment, Webhook, get_settings, utcnow
from webhooks_ui.views.webhooks.blueprint import blueprint
from webhooks_ui.web.answers import render
from webhooks_ui.webhooks import changes

TYPE = "preview_type"  # the field that chooses the event
DELIVERY_ID = 1  # in the link of a message
MADE_LATER = {"webhook-signature", "X-Webhook-Signature"}


@dataclass(frozen=True)
class Preview:
    """What the page shows."""

    address: str  # of the preview itself
    type: str
    url: str
    request: Request | None = None
    message: Message | None = None  # what people read in the channel. None: the format is for programs
    error: str = ""


@blueprint.post("/new/preview")
def preview_new() -> Response:
    return _answer(WebhookForm(), None)


@blueprint.post("/<int:webhook_id>/edit/preview")
def preview_edit(webhook_id: int) -> Response:
    webhook = changes.get(webhook_id)
    return _answer(WebhookForm.of(webhook), webhook)


def page_context(form: WebhookForm, webhook: Webhook | None, event_type: str = "") -> dict[str, Any]:
    """Return what the template of the form needs."""
    addresses = get_settings()["outgoing_addresses"]
    preview = preview_of(form, webhook, event_type)
    return {"form": form, "webhook": webhook, "addresses": addresses, "preview": preview}


def preview_of(form: WebhookForm, webhook: Webhook | None, event_type: str = "") -> Preview:
    """Return the request that the settings in ``form`` lead to.

    Args:
        webhook: the webhook that is edited.
        event_type: the type of the event. By default it is the first one that is chosen.
    """
    wanted = [event_type, *(form.events.data or []), *EVENT_TYPES]
    chosen = next(name for name in wanted if name in EVENT_TYPES)
    endpoint = "webhooks.preview_edit" if webhook else "webhooks.preview_new"
    address = url_for(endpoint, webhook_id=webhook.id if webhook else None)
    url = form.url.data or "https://…"
    event = _event(chosen, form.environment.data)
    signatures = 1 + len(webhook.secrets_in_grace if webhook else [])
    try:
        made = request_of(Options(form.format.data), event, Try(1, int(time.time()), (b"",) * signatures))
    except Uncomposable as error:
        return Preview(address, chosen, url, error=str(error))
    headers = {name: _shown(name, value) for name, value in made.headers.items()}
    message = None if FORMATS[form.format.data].is_signed else message_of(event)
    return Preview(address, chosen, url, Request(headers, made.body), message)


def _event(event_type: str, environment: str | None) -> Outgoing:
    """Return the example of a type, as if it had just been published."""
    now = utcnow()
    id, environment = new_event_id(now), environment if environment in tuple(Environment) else Environment.PRODUCTION
    body = render_body(id, environment, NewEvent(event_type, EVENT_TYPES[event_type].example), now)
    return Outgoing(id, event_type, environment, body, link=link_of(DELIVERY_ID, current_app.config["LINKED_PORTAL"]))


def _shown(name: str, value: str) -> str:
    """Return a header as the page shows it: there is no secret to sign with before the webhook is saved."""
    return " ".join("v1,…" for _ in value.split()) if name in MADE_LATER else value


def _answer(form: WebhookForm, webhook: Webhook | None) -> Response:
    """Answer with the preview, and with the fields that follow from the URL and the format.

    Without JavaScript that is the whole page. Nothing is validated, because the person is still typing.
    """
    trigger = request.headers.get("HX-Trigger-Name", "url")
    before = form.format.data, form.rate_limit.data, form.rate_period.data
    if trigger == "url":
        form.follow_url()
    form.prepare_rate()
    after = form.format.data, form.rate_limit.data, form.rate_period.data
    changed = {"format_changed": before[0] != after[0], "rate_changed": before[1:] != after[1:]}
    context = page_context(form, webhook, request.form.get(TYPE, ""))
    return render("webhooks/form.html", "webhooks/_preview_answer.html", **context, **changed)
