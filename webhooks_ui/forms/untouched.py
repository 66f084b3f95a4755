"""What somebody left as it was in the form of a webhook, while another one saved it.

The page carries a mark of what each field held when the page was made. A field that still has its mark takes the value
that is saved now, so that saving again undoes nothing that its sender never looked at.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from werkzeug.datastructures import MultiDict
from wtforms import Field

from webhooks_ui.forms.webhook import WebhookForm
from webhooks_ui.forms.webhook_options import ROW
from webhooks_ui.json_object import parse_object
from webhooks_ui.models import Webhook

# Fields that mean something together only. One that was changed holds the others
TOGETHER = (
    ("format", "rate_limit", "rate_period", "prepared_format"),
    ("filter_match", "conditions"),
    ("fields_mode", "fields_paths", "fields_extra"),
    ("retry_schedule", "retry_delays"),
    ("client_certificate", "client_key"),
    (
        *("auth_kind", "auth_username", "auth_secret"),
        *("oauth_token_url", "oauth_scope", "oauth_audience", "oauth_resource", "oauth_method"),
    ),
)
ALONE = ("name", "environment", "url", "description", "active", "events", "headers", "timeout_seconds", "in_order")
NOT_SHOWN = ("prepared_format",)  # it follows from the format
_MARK_CHARACTERS = 12


def marks_of(form: WebhookForm) -> str:
    """Return the marks of what ``form`` holds."""
    return json.dumps(_marks(form), separators=(",", ":"))


def taken_over(webhook: Webhook, sent: "MultiDict[str, str]") -> tuple[WebhookForm, list[str]]:
    """Return a form with the saved values in all fields that were left as they were, and the labels of those fields.

    The labels are only of fields that another person has changed. The form has the marks of what is saved.

    Args:
        sent: the fields of the request. Without marks, all of them count as changed.
    """
    saved = WebhookForm.of(webhook, formdata=None)
    began_with, now = parse_object(sent.get("marks", "")), _marks(saved)
    typed = _marks(WebhookForm.of(webhook, formdata=sent))
    kept = sent.copy()
    labels: list[str] = []
    for names in (*TOGETHER, *((name,) for name in ALONE)):
        compared = [name for name in names if name not in NOT_SHOWN]
        if any(began_with.get(name) != typed[name] for name in compared):
            continue
        for name in (*names, *(ROW if "conditions" in names else ())):
            kept.poplist(name)
        if "events" in names:  # a list of boxes that is not sent means none
            kept.setlist("events", saved.events.data)
        labels += [name for name in compared if began_with[name] != now[name]]
    kept["marks"] = marks_of(saved)
    return WebhookForm.of(webhook, formdata=kept), [saved[name].label.text for name in labels]


def _marks(form: WebhookForm) -> dict[str, str]:
    names = [name for names in TOGETHER for name in names if name not in NOT_SHOWN]
    return {name: _mark(form[name]) for name in (*ALONE, *names)}


def _mark(field: Field) -> str:
    value = sorted(field.data or ()) if field.name == "events" else field.data
    text = json.dumps(_plain(value), sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_MARK_CHARACTERS]


def _plain(value: Any) -> Any:
    """Return a value as a browser sends it back: texts with other ends of lines and without blanks around are alike."""
    if value is None:
        return ""
    if isinstance(value, str):
        return "\n".join(value.strip().splitlines())
    if isinstance(value, Mapping):
        return {name: _plain(child) for name, child in value.items()}
    return [_plain(child) for child in value] if isinstance(value, Iterable) else value
