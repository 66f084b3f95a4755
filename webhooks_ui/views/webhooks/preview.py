"""The preview of the form: the very request that its settings lead to. Nothing is sent or saved."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote_plus

from flask import Response, current_app, redirect, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from jobs.compose import Options, Request, Try, Uncomposable, link_of, request_of
from jobs.oauth import token_request
from webhooks_ui.database import db
from webhooks_ui.deliveries.display import header_lines
from webhooks_ui.deliveries.request_headers import not_signed
from webhooks_ui.events import catalogue
from webhooks_ui.events.conditions import Filter, Operator
from webhooks_ui.events.formats import FORMATS
from webhooks_ui.events.formats.message import Message, message_of
from webhooks_ui.events.formats.outgoing import Outgoing
from webhooks_ui.events.new_event import NewEvent, new_event_id, render_body
from webhooks_ui.events.selection import fields_text, selected
from webhooks_ui.events.types import EventType
from webhooks_ui.forms.webhook import WebhookForm
from webhooks_ui.models import Environment, Webhook, get_settings, utcnow
from webhooks_ui.parsing import one_of, parse_id
from webhooks_ui.schedules import OWN_DELAYS_MAX
from webhooks_ui.views.webhooks.blueprint import blueprint
from webhooks_ui.web.answers import render
from webhooks_ui.webhooks import changes
from webhooks_ui.webhooks.oauth import OAuthClient
from webhooks_ui.webhooks.options import wrong_conditions
from webhooks_ui.webhooks.own_headers import MASK
from webhooks_ui.webhooks.ready_conditions import READY_CONDITIONS
from webhooks_ui.webhooks.trial import Trial, paths_of, try_filter

TYPE = "preview_type"  # the field that chooses the event
ONE_BY_ONE = "closest .webhook-form-page:queue all"  # for ``hx-sync``: each answer replaces the target of the next one
DELIVERY_ID = 1  # in the link of a message


@dataclass(frozen=True)
class Preview:
    """What the page shows."""

    address: str  # of the preview itself
    type: str
    url: str
    request: Request | None = None
    token_request: str = ""  # with which OAuth fetches the token of the request
    shows_certificate: bool = False
    message: Message | None = None  # what people read in the channel. None: the format is for programs
    error: str = ""
    trial: Trial | None = None  # what the filter would have done
    paths: Sequence[str] = ()  # of the data of the chosen events


@blueprint.route("/new/preview", methods=["GET", "POST"])
def preview_new() -> BaseResponse:
    if request.method != "POST":  # somebody reloads the address, which has no page of its own
        return redirect(url_for(".new"))
    return _answer(new_form(), None)


@blueprint.route("/<int:webhook_id>/edit/preview", methods=["GET", "POST"])
def preview_edit(webhook_id: int) -> BaseResponse:
    if request.method != "POST":
        return redirect(url_for(".edit", webhook_id=webhook_id))
    webhook = changes.get(webhook_id)
    return _answer(WebhookForm.of(webhook), webhook)


def new_form() -> WebhookForm:
    """Return the form that was sent for a new webhook, which may be a copy of another one."""
    webhook = original(WebhookForm())
    return WebhookForm.copy_of(webhook) if webhook else WebhookForm()


def original(form: WebhookForm) -> Webhook | None:
    """Return the webhook that the one in the form is a copy of, if it still exists."""
    id = parse_id(form.copied_from.data or "")
    webhook = db.session.get(Webhook, id) if id else None
    return None if webhook is None or webhook.is_deleted else webhook


def page_context(form: WebhookForm, webhook: Webhook | None, event_type: str = "") -> dict[str, Any]:
    """Return what the template of the form needs."""
    preview = preview_of(form, webhook, event_type)
    refreshes = {"hx-post": preview.address, "hx-target": "#preview", "hx-swap": "outerHTML", "hx-sync": ONE_BY_ONE}
    return {
        "form": form,
        "webhook": webhook,
        "addresses": get_settings()["outgoing_addresses"],
        "preview": preview,
        "ONE_BY_ONE": ONE_BY_ONE,
        "refreshes": refreshes,  # the attributes of a field that refreshes the preview
        "typing": refreshes | {"hx-trigger": "input changed delay:300ms"},
        "OPERATORS": tuple(Operator),
        "READY_CONDITIONS": READY_CONDITIONS,
        "OWN_DELAYS_MAX": OWN_DELAYS_MAX,
        "REQUEST_TIMEOUT_SECONDS": current_app.config["REQUEST_TIMEOUT_SECONDS"],
    }


def preview_of(form: WebhookForm, webhook: Webhook | None, event_type: str = "") -> Preview:
    """Return the request that the settings in ``form`` lead to.

    Args:
        webhook: the webhook that is edited.
        event_type: the type of the event. By default it is the first one that is chosen.
    """
    types, known = form.event_types, catalogue.all_types()
    chosen = next(name for name in [event_type, *types, *known] if name in known)
    endpoint = "webhooks.preview_edit" if webhook else "webhooks.preview_new"
    address = url_for(endpoint, webhook_id=webhook.id if webhook else None)
    preview = Preview(address, chosen, form.url.data or "https://…", trial=_trial(form, types), paths=paths_of(types))
    event = _event(known[chosen], _environment(form))
    signatures = 1 + len(webhook.secrets_in_grace if webhook else [])
    try:
        if form.wrong_option:
            raise Uncomposable(form.wrong_option)
        event = replace(event, body=selected(event.body, fields_text(form.fields)))
        options = Options(form.format.data, form.masked_headers)
        made = request_of(options, event, Try(1, int(time.time()), (b"",) * signatures))
    except Uncomposable as error:
        return replace(preview, error=str(error))
    message = None if FORMATS[form.format.data].is_signed else message_of(event)
    return replace(
        preview,
        request=Request(not_signed(made.headers), made.body),
        message=message,
        token_request=_token_request(form),
        shows_certificate=form.pair is not None,
    )


def _token_request(form: WebhookForm) -> str:
    """Return the request that fetches a token, as people may see it, or an empty text if none is wanted."""
    auth = form.auth
    if auth is None or auth.grant is None:
        return ""
    made = token_request(OAuthClient(auth.username, MASK, auth.grant))
    headers = {name: f"Basic {MASK}" if name == "Authorization" else value for name, value in made.headers.items()}
    body = made.body.decode().replace(quote_plus(MASK), MASK)
    return f"POST {auth.grant.token_url or 'https://…'}\n{header_lines(headers)}\n\n{body}"


def _trial(form: WebhookForm, types: list[str]) -> Trial | None:
    """Return what the conditions in the form would have done, or ``None`` without conditions."""
    if not form.conditions.data:
        return None
    if wrong := wrong_conditions(form.filter_match.data, form.conditions.data, types):
        return Trial(0, wrong, ())
    filter = Filter.parse(form.filter)
    return try_filter(filter, _environment(form), types) if filter else None


def _environment(form: WebhookForm) -> str:
    return one_of(tuple(Environment), form.environment.data or "") or Environment.PRODUCTION


def _event(type: EventType, environment: str) -> Outgoing:
    """Return the example of a type, as if it had just been published."""
    now = utcnow()
    id = new_event_id(now)
    body = render_body(id, environment, NewEvent(type.name, type.example), now)
    return Outgoing(id, type.name, environment, body, link=link_of(DELIVERY_ID, current_app.config["LINKED_PORTAL"]))


def _answer(form: WebhookForm, webhook: Webhook | None) -> Response:
    """Answer with the preview, and with the fields that follow from the URL and the format.

    Without JavaScript that is the whole page. Nothing is validated, because the person is still typing.
    """
    trigger = request.headers.get("HX-Trigger-Name", "url")
    step = request.form.get("step", "")
    form.conditions.take_step(step)
    before = form.format.data, form.rate_limit.data, form.rate_period.data
    if trigger == "url":
        form.follow_url()
    form.prepare_rate()
    after = form.format.data, form.rate_limit.data, form.rate_period.data
    changed = {"format_changed": before[0] != after[0], "rate_changed": before[1:] != after[1:], "step": step}
    shown = request.form.get(TYPE, "")
    is_wanted = trigger == TYPE or shown in form.event_types
    context = page_context(form, webhook, shown if is_wanted else "")
    return render("webhooks/form.html", "webhooks/_preview_answer.html", **context, **changed)
