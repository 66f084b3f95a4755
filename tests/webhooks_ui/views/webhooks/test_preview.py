"""The preview of the form: the very request that would be sent, and the fields that follow from URL and format."""

import html
import json
import re
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from jobs.deliver import deliver
from jobs.publish import publish
from tests.support.factories import make_webhook
from tests.support.http import HTMX
from tests.support.receivers import Receiver
from webhooks_ui.database import db
from webhooks_ui.events.new_event import NewEvent
from webhooks_ui.events.types import EVENT_TYPES
from webhooks_ui.models import Webhook, WebhookFormat

TYPED = {
    "name": "Slack Activation Alerts",
    "url": "https://93.184.215.14/in",
    "environment": "production",
    "events": ["activation.created", "activation.failed"],
    "description": "Kept text",
    "format": "json",
}
SLACK_URL = "https://hooks.slack.com/services/T000/B000/x"
# What differs from request to request
PASSING = {"webhook-id", "webhook-timestamp", "webhook-signature", "x-webhook-signature", "content-length"}


def preview(client: FlaskClient, webhook_id: int | None = None, trigger: str = "format", **fields: Any) -> str:
    """Return the fragment that the preview answers with, as HTMX asks for it."""
    address = f"/admin/webhooks/{webhook_id}/edit/preview" if webhook_id else "/admin/webhooks/new/preview"
    answer = client.post(address, data=TYPED | fields, headers=HTMX | {"HX-Trigger-Name": trigger})
    assert answer.status_code == 200
    return answer.text


def block(page: str, id: str) -> str:
    """Return the text of a block of code."""
    found = re.search(rf'id="{id}"[^>]*>(.*?)</code>|id="{id}"[^>]*>(.*?)</pre>', page, re.S)
    assert found, f"there is no {id}"
    return html.unescape(re.sub("<[^>]+>", "", found[1] or found[2])).strip("\n")


def shown_headers(page: str) -> dict[str, str]:
    first, *lines = block(page, "preview-head").splitlines()
    assert first.startswith("POST ")
    return {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}


def selected(page: str, name: str) -> str:
    """Return the value that a select has."""
    options = re.search(rf'<select[^>]*name="{name}"[^>]*>(.*?)</select>', page, re.S)
    assert options, f"there is no field {name}"
    found = re.search(r'<option selected[^>]*value="([^"]*)"|<option value="([^"]*)" selected', options[1])
    return (found[1] or found[2] or "") if found else ""


def value_of(page: str, name: str) -> str:
    found = re.search(rf'<input[^>]*\bname="{name}"[^>]*>', page)
    assert found, f"there is no field {name}"
    value = re.search(r'value="([^"]*)"', found[0])
    return html.unescape(value[1]) if value else ""


def same_but_for_what_passes(body: bytes) -> Any:
    """Return a body with fixed ids and times."""
    text = re.sub(rb"evt_[0-9a-f]{28}", b"evt_1", body)
    text = re.sub(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}(Z|\+00:00)", b"TIME", text)
    text = re.sub(rb"<!date\^\d+\^", b"<!date^1^", text)
    return re.sub(rb"\d{1,2} [A-Z][a-z]{2} \d{4}, \d\d:\d\d UTC", b"TIME", text)


OPTIONS: list[dict[str, Any]] = [
    {},
    {
        "fields_mode": "leave_out",
        "fields_paths": "ip_address\nlicense.license_key",
        "fields_extra": '{"tenant": "emea"}',
    },
    {
        "headers": "X-Tenant: emea\nX-Key: s3cret",
        "auth_kind": "basic",
        "auth_username": "ann",
        "auth_secret": "pass word",
    },
    {"auth_kind": "bearer", "auth_secret": "t0ken"},
]


@pytest.mark.parametrize("format", WebhookFormat)
@pytest.mark.parametrize("options", OPTIONS)
def test_the_preview_has_the_bytes_and_the_headers_that_are_sent(
    app: Flask, admin: FlaskClient, receiver: Receiver, format: str, options: dict[str, Any]
) -> None:
    fields = {"url": receiver.url, "format": format, "preview_type": "activation.failed", **options}
    page = preview(admin, **fields)
    assert admin.post("/admin/webhooks/new", data=TYPED | fields).status_code == 303
    publish("production", [NewEvent("activation.failed", EVENT_TYPES["activation.failed"].example)])
    deliver()
    (request,) = receiver.requests
    body = block(page, "preview-body").encode()
    assert same_but_for_what_passes(body) == same_but_for_what_passes(request.body)
    assert len(body) == int(shown_headers(page)["content-length"])
    sent = {name: value for name, value in request.headers.items() if name not in {"host", "connection"}}
    shown = shown_headers(page)
    assert shown.keys() == sent.keys()
    masked = {
        "x-tenant": "••••••••",
        "x-key": "••••••••",
        "authorization": f"{options.get('auth_kind', '').capitalize()} ••••••••",
    }
    for name in sent.keys() - PASSING:
        assert shown[name] == masked.get(name, sent[name]), name
    for secret in ("s3cret", "t0ken", "pass word", sent.get("authorization", "none").split()[-1]):
        assert secret not in block(page, "preview-head")


def test_each_secret_that_signs_has_its_place_in_the_preview(admin: FlaskClient) -> None:
    webhook = make_webhook()
    admin.post(f"/admin/webhooks/{webhook.id}/secret", data={"grace_hours": "24"})
    assert shown_headers(preview(admin, webhook.id))["webhook-signature"] == "v1,… v1,…"


def test_stored_values_stay_masked_when_a_webhook_is_edited(admin: FlaskClient) -> None:
    typed = {"headers": "X-Key: s3cret", "auth_kind": "bearer", "auth_secret": "t0ken"}
    admin.post("/admin/webhooks/new", data=TYPED | typed)
    webhook = db.session.scalars(db.select(Webhook)).one()
    page = admin.get(f"/admin/webhooks/{webhook.id}/edit").text
    head = block(page, "preview-head")
    assert "X-Key: ••••••••" in head
    assert "Authorization: Bearer ••••••••" in head
    assert "s3cret" not in page
    assert "t0ken" not in page


@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_any_type_can_be_shown_before_anything_is_saved(admin: FlaskClient, event_type: str) -> None:
    page = preview(admin, trigger="preview_type", preview_type=event_type)
    assert json.loads(block(page, "preview-body"))["type"] == event_type
    assert db.session.scalar(db.select(db.func.count(Webhook.id))) == 0


def test_the_first_chosen_type_is_shown_and_a_type_that_is_no_longer_chosen_is_not_kept(admin: FlaskClient) -> None:
    assert selected_type(preview(admin)) == "activation.created"
    assert selected_type(preview(admin, preview_type="activation.failed")) == "activation.failed"
    assert selected_type(preview(admin, preview_type="license.created")) == "activation.created"
    assert selected_type(preview(admin, trigger="preview_type", preview_type="license.created")) == "license.created"
    assert selected_type(preview(admin, preview_type="no.type")) == "activation.created"


def selected_type(page: str) -> str:
    return str(json.loads(block(page, "preview-body"))["type"])


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"format": "xml"}, "There is no format &#39;xml&#39;"),
        ({"headers": "X Tenant: emea"}, "Headers: "),
        ({"auth_kind": "basic", "auth_username": "", "auth_secret": "x"}, "Basic authentication needs a user name"),
        ({"fields_mode": "keep", "fields_paths": ""}, "Fields: "),
        ({"fields_extra": "{"}, "Fields to add: "),
    ],
)
def test_options_that_lead_to_no_request_are_named(admin: FlaskClient, fields: dict[str, Any], sentence: str) -> None:
    page = preview(admin, **fields)
    assert sentence in page
    assert "preview-head" not in page


def test_nonsense_is_no_error_while_somebody_types(admin: FlaskClient) -> None:
    for url in ("", "h", "https://", "https://[", "https://hooks.slack.com.", "\0", "x" * 5_000, "<script>"):
        page = preview(admin, url=url, environment="moon", trigger="url", rate_limit="many", preview_type="\0")
        assert "<script>" not in page


@pytest.mark.parametrize(
    ("url", "format"),
    [
        (SLACK_URL, "slack"),
        ("https://HOOKS.slack.com/services/x", "slack"),
        (" https://hooks.slack.com ", "slack"),
        ("https://discord.com/api/webhooks/1/x", "discord"),
        ("https://discordapp.com/api/webhooks/1/x", "discord"),
        ("https://canary.discord.com/api/webhooks/1/x", "discord"),
        ("https://discord.com/api/webhooks/1/x/slack", "discord"),
        ("https://acme.webhook.office.com/webhookb2/x", "teams"),
        ("https://prod-1.westeurope.logic.azure.com:443/workflows/x", "teams"),
        ("https://default1.environment.api.powerplatform.com/powerautomate/x", "teams"),
        ("https://prod-8.usgovtexas.logic.azure.us:443/workflows/x", "teams"),
        ("https://default1.environment.api.gov.powerplatform.microsoft.us/powerautomate/x", "teams"),
        ("https://default1.environment.api.high.powerplatform.microsoft.us/powerautomate/x", "teams"),
        ("https://default1.environment.api.appsplatform.us/powerautomate/x", "teams"),
        ("https://prod-1.chinaeast.logic.azure.cn/workflows/x", "teams"),
        ("https://default1.environment.api.powerplatform.partner.microsoftonline.cn/powerautomate/x", "teams"),
        ("https://admin.powerplatform.microsoft.us/x", "json"),
        ("https://hooks.slack.com.evil.example/", "json"),
        ("https://evil.example/hooks.slack.com", "json"),
        ("https://hooks.slack.com@evil.example/", "json"),
        ("https://notdiscord.com/", "json"),
        ("https://webhook.office.com/", "json"),
        ("https://example.com/in", "json"),
    ],
)
def test_the_format_follows_from_the_host_of_the_url_as_it_is_typed(admin: FlaskClient, url: str, format: str) -> None:
    page = preview(admin, trigger="url", url=url)
    if format == "json":
        assert 'id="format-choice"' not in page  # nothing changes, so nothing is swapped
    else:
        assert selected(page, "format") == format
        assert value_of(page, "suggested_format") == format


def test_a_format_that_somebody_chose_is_kept_and_a_warning_says_what_the_service_reads(admin: FlaskClient) -> None:
    page = preview(admin, trigger="format", url=SLACK_URL, format="cloudevents", suggested_format="slack")
    assert "Slack doesn&#39;t read the format CloudEvents. Choose the format Slack." in page
    again = preview(admin, trigger="url", url=SLACK_URL + "y", format="cloudevents", suggested_format="slack")
    assert 'id="format-choice"' not in again
    assert "application/cloudevents+json" in again


@pytest.mark.parametrize("path", ["triggers/T1/2/3", "workflows/T1/A1/2/3"])
def test_a_workflow_of_slack_is_told_apart_from_a_channel(admin: FlaskClient, path: str) -> None:
    for format in ("slack", "json"):
        page = preview(admin, trigger="url", url=f"https://hooks.slack.com/{path}", format=format)
        assert "This URL starts a workflow of Slack, which reads" in page
    assert "This URL starts" not in preview(admin, trigger="url", url="https://hooks.slack.com/services/triggers/x")


@pytest.mark.parametrize("format", ["discord", "slack", "json"])
@pytest.mark.parametrize("end", ["github", "slack"])
def test_an_address_of_discord_for_other_messages_is_told_apart_from_a_channel(
    admin: FlaskClient, end: str, format: str
) -> None:
    url = "https://discord.com/api/webhooks/1/x"
    page = preview(admin, trigger="format", url=f"{url}/{end}?thread_id=7", format=format, suggested_format="discord")
    assert f"Remove /{end} from its end, and choose the format Discord." in page
    assert "Remove /" not in preview(admin, trigger="url", url=url + end, format=format)


def test_another_url_brings_the_suggested_format_back_to_json(admin: FlaskClient) -> None:
    page = preview(admin, trigger="url", url="https://example.com/in", format="slack", suggested_format="slack")
    assert selected(page, "format") == "json"


@pytest.mark.parametrize(("format", "limit"), [("slack", "1"), ("discord", "2"), ("teams", "1"), ("json", "")])
def test_the_rate_limit_of_the_service_comes_with_the_format(admin: FlaskClient, format: str, limit: str) -> None:
    before = "slack" if format == "discord" else "discord"  # one with another limit
    known = {"discord": "2", "slack": "1"}[before]
    page = preview(admin, format=format, prepared_format=before, rate_limit=known, rate_period="second")
    assert value_of(page, "rate_limit") == limit


def test_a_rate_limit_that_somebody_set_stays(admin: FlaskClient) -> None:
    page = preview(admin, format="slack", prepared_format="json", rate_limit="30", rate_period="minute")
    assert 'id="rate-fields"' not in page
    admin.post("/admin/webhooks/new", data=TYPED | {"format": "slack", "rate_limit": "30", "rate_period": "minute"})
    webhook = db.session.scalars(db.select(Webhook)).one()
    assert (webhook.rate_limit, webhook.rate_period) == (30, "minute")


@pytest.mark.parametrize(("format", "limit"), [("slack", 1), ("discord", 2), ("teams", 1), ("json", None)])
def test_a_webhook_that_is_created_without_a_preview_has_the_limit_of_its_service(
    admin: FlaskClient, format: str, limit: int | None
) -> None:
    admin.post("/admin/webhooks/new", data=TYPED | {"format": format, "rate_limit": "", "prepared_format": "json"})
    webhook = db.session.scalars(db.select(Webhook)).one()
    assert (webhook.rate_limit, webhook.rate_period) == (limit, "second")


def test_a_limit_of_the_service_that_somebody_took_away_stays_away(admin: FlaskClient) -> None:
    admin.post("/admin/webhooks/new", data=TYPED | {"format": "slack", "rate_limit": "", "prepared_format": "slack"})
    assert db.session.scalars(db.select(Webhook)).one().rate_limit is None


@pytest.mark.parametrize("format", ["slack", "discord", "teams"])
def test_the_message_is_shown_as_people_read_it(admin: FlaskClient, format: str) -> None:
    page = preview(admin, format=format, preview_type="activation.failed")
    assert '<div class="message" data-tone="bad">' in page
    assert "<b>Activation failed</b>" in page


def test_without_javascript_the_answer_is_the_whole_form_with_all_that_was_typed(admin: FlaskClient) -> None:
    typed = TYPED | {
        "url": SLACK_URL,
        "secret": "whsec_typed",
        "active": "false",
        "headers": "X-Tenant: emea",
        "fields_mode": "leave_out",
        "fields_paths": "ip_address",
        "fields_extra": '{"tenant": "emea"}',
        "conditions": "shown",
        "condition_field": "reason.code",
        "condition_operator": "equals",
        "condition_value": "limit_reached",
        "timeout_seconds": "7",
        "retry_schedule": "own",
        "retry_delays": "10s, 1m",
        "in_order": "true",
        "preview_type": "activation.failed",
    }
    answer = admin.post("/admin/webhooks/new/preview", data=typed)
    assert answer.status_code == 200
    page = answer.text
    assert page.startswith("<!doctype html>")
    for name in ("name", "url", "secret", "timeout_seconds", "retry_delays", "condition_field", "condition_value"):
        assert value_of(page, name) == typed[name], name
    for name, value in (("environment", "production"), ("format", "slack"), ("retry_schedule", "own")):
        assert selected(page, name) == value, name
    for text in ("Kept text", "X-Tenant: emea", "ip_address", "{&#34;tenant&#34;: &#34;emea&#34;}"):
        assert text in page, text
    assert re.search(r'<input[^>]*value="activation.failed"[^>]*checked', page)
    assert "Activation failed" in page
    assert not re.search(r'id="\w+-error"', page)
    assert db.session.scalar(db.select(db.func.count(Webhook.id))) == 0


def test_without_javascript_an_edited_webhook_keeps_its_version(admin: FlaskClient) -> None:
    webhook = make_webhook()
    page = admin.post(f"/admin/webhooks/{webhook.id}/edit/preview", data=TYPED | {"version": "1"}).text
    assert value_of(page, "name") == TYPED["name"]
    assert value_of(page, "version") == "1"
    assert db.session.get_one(Webhook, webhook.id).name == "Orders"


def test_a_webhook_that_is_gone_has_no_preview(admin: FlaskClient) -> None:
    assert admin.post("/admin/webhooks/7/edit/preview", data=TYPED).status_code == 404
