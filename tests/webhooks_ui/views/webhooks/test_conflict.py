"""Two people edit one webhook: who saves second sees what differs, and undoes nothing that they never touched."""

import re
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.support.factories import make_webhook
from tests.support.form_fields import form_fields
from tests.webhooks_ui.views.webhooks.read_back import reloaded
from webhooks_ui import audit
from webhooks_ui.database import writing
from webhooks_ui.forms.untouched import ALONE, TOGETHER
from webhooks_ui.forms.webhook import WebhookForm
from webhooks_ui.models import Webhook
from webhooks_ui.webhooks import changes
from webhooks_ui.webhooks.own_headers import MASK, Auth, AuthKind, OwnHeader, open_headers

FILTER = {"match": "all", "conditions": [{"field": "reason.code", "operator": "equals", "value": "limit_reached"}]}
FIELDS = {"mode": "leave_out", "paths": ["customer.email"], "extra": '{"tenant":"emea"}'}
THEIRS: tuple[tuple[str, dict[str, Any]], ...] = (  # a label of the form, and what the other person saves
    ("Name", {"name": "Theirs"}),
    ("URL", {"url": "https://93.184.215.14/theirs?token=secret"}),
    ("Environment", {"environment": "staging"}),
    ("Description", {"description": "Two\nlines"}),
    ("Active", {"active": False}),
    ("Events", {"event_types": ["license.created", "license.deleted"], "event_groups": []}),
    ("Format", {"format": "slack", "rate_limit": 1, "rate_period": "second"}),
    ("Rate limit", {"rate_limit": 30, "rate_period": "minute"}),
    ("Headers", {"headers": [OwnHeader("X-Tenant", "emea")]}),
    ("Authentication", {"auth": Auth(AuthKind.BASIC, "ada", "a secret")}),
    ("Conditions", {"filter": FILTER}),
    ("Data", {"fields": FIELDS}),
    ("Timeout in seconds", {"timeout_seconds": 3}),
    ("Retry schedule", {"retry_schedule": "own", "retry_delays": [10, 300]}),
    ("Keep the order", {"in_order": True}),
)


def page_of(admin: FlaskClient, webhook: Webhook) -> dict[str, list[str]]:
    return form_fields(admin.get(f"/admin/webhooks/{webhook.id}/edit").text, "webhook-form")


def save(admin: FlaskClient, webhook: Webhook, fields: dict[str, list[str]]) -> TestResponse:
    return admin.post(f"/admin/webhooks/{webhook.id}/edit", data=fields)


def by_another(webhook: Webhook, fields: dict[str, Any]) -> dict[str, Any]:
    """Save ``fields``. Return all fields of the webhook then."""
    with writing():
        changes.edit(changes.get(webhook.id), fields)
    return changes.fields_of(reloaded(webhook))


@pytest.mark.parametrize(("label", "theirs"), THEIRS)
def test_what_i_did_not_touch_stays_as_it_was_saved(admin: FlaskClient, label: str, theirs: dict[str, Any]) -> None:
    webhook = make_webhook(name="Billing", event_types=["license.created", "activation.failed"])
    mine = page_of(admin, webhook)
    saved = by_another(webhook, theirs)
    mine["secret"] = ["whsec_" + "A" * 40]
    if "description" not in theirs:
        mine["description"] = ["Mine"]
        saved["description"] = "Mine"
    conflict = save(admin, webhook, mine)
    assert conflict.status_code == 409
    assert f"You had not changed {label}" in conflict.text
    again = form_fields(conflict.text, "webhook-form")
    assert save(admin, webhook, again).status_code == 303
    assert changes.fields_of(reloaded(webhook)) == saved
    assert reloaded(webhook).secret == "whsec_" + "A" * 40


def test_what_both_changed_is_mine_after_saving_again(admin: FlaskClient) -> None:
    webhook = make_webhook(name="Billing", rate_limit=5)
    mine = page_of(admin, webhook)
    by_another(webhook, {"name": "Theirs", "rate_limit": 7, "rate_period": "minute"})
    mine |= {"name": ["Mine"], "rate_limit": ["9"]}
    conflict = save(admin, webhook, mine)
    assert "You had not changed" not in conflict.text
    rows = re.findall(r'<th scope="row">(.*?)</th>', conflict.text)
    assert rows == ["Name", "Rate limit", "Rate period"]  # a limit and its period mean something together only
    save(admin, webhook, form_fields(conflict.text, "webhook-form"))
    changed = reloaded(webhook)
    assert (changed.name, changed.rate_limit, changed.rate_period) == ("Mine", 9, "second")


def test_a_form_that_is_sent_twice_is_saved_once_and_no_conflict(admin: FlaskClient) -> None:
    webhook = make_webhook(name="Billing")
    mine = page_of(admin, webhook) | {"name": ["Mine"]}
    first, second = (save(admin, webhook, mine) for _ in range(2))
    assert (first.status_code, second.status_code) == (303, 303)
    assert reloaded(webhook).version == 2
    assert save(admin, webhook, mine | {"new_secret": ["24"]}).status_code == 409


def test_what_i_typed_into_a_part_of_the_authentication_keeps_all_of_mine(admin: FlaskClient) -> None:
    webhook = make_webhook()
    with writing():
        changes.edit(changes.get(webhook.id), {"auth": Auth(AuthKind.BASIC, "ada", "a secret")})
    mine = page_of(admin, webhook)
    by_another(webhook, {"auth": Auth(AuthKind.BEARER, "", "a token")})
    mine |= {"auth_username": ["bob"], "auth_secret": ["mine"]}
    conflict = save(admin, webhook, mine)
    assert "Basic, user bob" in conflict.text
    save(admin, webhook, form_fields(conflict.text, "webhook-form"))
    assert open_headers((), reloaded(webhook).auth)[0].value.startswith("Basic ")


@pytest.mark.parametrize("what", ["secret_copied", "secret_revealed", "tested"])
def test_who_only_looked_or_sent_a_test_is_not_said_to_have_saved(admin: FlaskClient, what: str) -> None:
    webhook = make_webhook(name="Billing")
    mine = page_of(admin, webhook)
    audit.act_as("ann@example.com")
    by_another(webhook, {"name": "Theirs"})
    with writing():
        audit.act_as("bob@example.com")
        audit.record(f"webhook.{what}", "webhook", webhook.id)
    answer = save(admin, webhook, mine | {"name": ["Mine"]})
    assert answer.status_code == 409
    assert "ann@example.com changed this webhook" in answer.text


def test_a_third_save_in_between_is_a_conflict_again(admin: FlaskClient) -> None:
    webhook = make_webhook(name="Billing")
    mine = page_of(admin, webhook) | {"name": ["Mine"]}
    by_another(webhook, {"description": "First"})
    mine = form_fields(save(admin, webhook, mine).text, "webhook-form")
    by_another(webhook, {"description": "Second"})
    conflict = save(admin, webhook, mine)
    assert conflict.status_code == 409
    assert form_fields(conflict.text, "webhook-form")["description"] == ["Second"]


@pytest.mark.parametrize("marks", ["", "{", "[]", "null", '{"name": 1}', "\0"])
def test_broken_marks_count_as_none(admin: FlaskClient, marks: str) -> None:
    webhook = make_webhook(description="Old")
    mine = page_of(admin, webhook) | {"marks": [marks]}
    by_another(webhook, {"description": "Theirs"})
    conflict = save(admin, webhook, mine)
    assert conflict.status_code == 409
    assert form_fields(conflict.text, "webhook-form")["description"] == ["Old"]


def test_saved_values_that_do_not_fit_mine_leave_the_form_as_it_was_sent(admin: FlaskClient) -> None:
    webhook = make_webhook(headers=[])
    mine = page_of(admin, webhook) | {"auth_kind": ["bearer"], "auth_secret": ["a token"]}
    by_another(webhook, {"headers": [OwnHeader("Authorization", "theirs")]})
    conflict = save(admin, webhook, mine)
    assert conflict.status_code == 409
    assert form_fields(conflict.text, "webhook-form")["auth_kind"] == ["bearer"]
    assert MASK not in form_fields(conflict.text, "webhook-form")["headers"][0]


def test_each_field_of_the_form_is_compared(app: Flask) -> None:
    compared = {*ALONE, *(name for names in TOGETHER for name in names)}
    with app.test_request_context():
        others = {field.name for field in WebhookForm()} - compared
    assert others == {"version", "marks", "copied_from", "secret", "new_secret", "suggested_format"}


def test_without_javascript_a_group_ends_with_one_of_its_types(admin: FlaskClient) -> None:
    webhook = make_webhook()
    sent = page_of(admin, webhook) | {"events": ["activation.*"]}
    save(admin, webhook, sent)
    assert reloaded(webhook).event_groups == ["activation.*"]
    sent = page_of(admin, webhook)
    assert set(sent["events"]) > {"activation.*", "activation.failed"}
    sent["events"].remove("activation.failed")
    save(admin, webhook, sent)
    changed = reloaded(webhook)
    assert changed.event_groups == []
    assert "activation.failed" not in changed.event_types
    assert len(changed.event_types) == 2
