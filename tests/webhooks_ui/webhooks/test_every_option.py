"""Each thing that people can set for a webhook is known everywhere: one missing place fails here."""

import html
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.support.authorities import Authority
from tests.support.factories import make_api_key, make_webhook
from tests.webhooks_ui.api.conftest import Api
from webhooks_ui.api import schemas, webhook_body
from webhooks_ui.database import db, writing
from webhooks_ui.events.types import CATEGORIES
from webhooks_ui.forms.webhook import WebhookForm
from webhooks_ui.models import AuditEntry, Webhook
from webhooks_ui.views.audit_log.words import changes as audit_changes
from webhooks_ui.views.audit_log.words import label_of
from webhooks_ui.views.webhooks.conflict import differences
from webhooks_ui.webhooks import changes
from webhooks_ui.webhooks.client_certificates import Pair
from webhooks_ui.webhooks.option_words import shown
from webhooks_ui.webhooks.own_headers import Auth, AuthKind, OwnHeader

CONDITION = {"field": "reason.code", "operator": "equals", "value": "limit_reached"}
# For each field: a value that differs from that of a new webhook, and how pages show it
OPTIONS: dict[str, tuple[Any, str]] = {
    "name": ("Changed name", "Changed name"),
    "url": ("https://93.184.215.14/changed", "https://93.184.215.14/changed"),
    "environment": ("staging", "Staging"),
    "description": ("Changed description", "Changed description"),
    "format": ("cloudevents", "CloudEvents"),
    "retry_schedule": ("own", "At once, then after"),
    "retry_delays": ([10, 60], "10 s, 1 min"),
    "timeout_seconds": (7, "7 s"),
    "headers": ([OwnHeader("X-Tenant", "hidden-value")], "X-Tenant: "),
    "auth": (Auth(AuthKind.BASIC, "ada", "hidden-value"), "Basic, user ada"),
    "client_certificate": (Pair(*Authority().sign("ada")), "Subject: CN=ada"),
    "filter": ({"match": "all", "conditions": [CONDITION]}, "reason.code equals limit_reached"),
    "fields": ({"mode": "keep", "paths": ["license"], "extra": '{"tenant":"emea"}'}, "Only license"),
    "rate_limit": (3, "3 per minute"),
    "rate_period": ("minute", "3 per minute"),
    "in_order": (True, "Kept: one request at a time"),
    "active": (False, "Inactive"),
    "event_types": (sorted(["license.created", *(type.name for type in CATEGORIES["product"])]), "license.created"),
    "event_groups": (["product.*"], "product.*"),
}
API_NAMES = {"event_types": "events", "event_groups": "events"}
SETTABLE = {name: value for name, (value, _) in OPTIONS.items()}


@pytest.fixture
def changed(app: Flask) -> Webhook:
    """A webhook of which each field was changed."""
    webhook = make_webhook(url="https://93.184.215.14/")
    with writing():
        changes.edit(changes.get(webhook.id), SETTABLE)
    return changes.get(webhook.id)


def test_each_field_has_a_value_in_this_test() -> None:
    assert set(OPTIONS) == set(changes.FIELDS)


def test_the_audit_log_tells_each_field(changed: Webhook) -> None:
    entry = db.session.scalars(db.select(AuditEntry).order_by(AuditEntry.id.desc())).first()
    assert entry is not None
    assert set(entry.after or {}) == {*changes.FIELDS, "deliveries_cancelled"}  # those of the environment that it left
    told = {change.label: change for change in audit_changes(entry)}
    for name in changes.FIELDS:
        change = told[label_of(name)]
        assert change.after or change.added or change.removed, name
    assert "hidden-value" not in str(entry.before) + str(entry.after)


def test_the_page_shows_each_field(changed: Webhook, admin: FlaskClient) -> None:
    page = html.unescape(admin.get(f"/admin/webhooks/{changed.id}").text).replace("<wbr>", "")
    for name, (_, text) in OPTIONS.items():
        assert text in page, name
    assert "hidden-value" not in page


def test_a_copy_and_the_edited_form_have_each_field(changed: Webhook, app: Flask) -> None:
    with app.test_request_context(method="GET"):
        for form in (WebhookForm.of(changed), WebhookForm.copy_of(changed)):
            columns = form.columns
            sealed = changes.sealed(columns, changed)
            for name in changes.FIELDS:
                expected = getattr(changed, name)
                if name == "name" and form.copied_from.data:
                    expected = "Changed name copy"
                assert sealed[name] == expected, name


def test_a_conflict_compares_each_field(changed: Webhook, app: Flask) -> None:
    other = make_webhook()
    with app.test_request_context(method="GET"):
        found = {difference.label for difference in differences(other, WebhookForm.of(changed))}
    missing = {label_of(name) for name in changes.FIELDS} - found
    assert missing == set()


def test_the_api_tells_each_field_and_takes_it_back(changed: Webhook, app: Flask) -> None:
    api = Api(app.test_client(), make_api_key(environment="staging")[1])
    answer = api.get(f"/webhooks/{changed.id}").get_json()
    names = [API_NAMES.get(name, name) for name in changes.FIELDS]
    assert set(names) <= answer.keys()
    stored = shown(changes.fields_of(changed))
    taken = api.patch(f"/webhooks/{changed.id}", json={name: answer[name] for name in names})
    assert taken.status_code == 200, taken.text
    db.session.rollback()
    assert shown(changes.fields_of(changes.get(changed.id))) == stored


def test_the_description_of_the_api_has_each_field() -> None:
    for name in changes.FIELDS:
        api_name = API_NAMES.get(name, name)
        assert api_name in webhook_body.FIELDS, name
        for described in (schemas.WEBHOOK_CREATION, schemas.WEBHOOK_CHANGES, schemas.WEBHOOK):
            assert api_name in described["properties"], name
