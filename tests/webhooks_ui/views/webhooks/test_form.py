"""Creating and editing a webhook."""

import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from unittest.mock import Mock

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.support.factories import make_event, make_webhook
from tests.support.http import HTMX, form_token
from webhooks_ui.database import db
from webhooks_ui.events import catalogue
from webhooks_ui.models import AuditEntry, Delivery, Webhook, secret_box

GOOD = {
    "name": "Billing",
    "url": "https://93.184.215.14/webhooks",
    "environment": "staging",
    "events": ["license.created", "license.activated"],
}


def stored() -> list[Webhook]:
    db.session.rollback()
    return list(db.session.scalars(db.select(Webhook).order_by(Webhook.id)))


def errors(page: str) -> dict[str, str]:
    """Return the message of each field that has one."""
    return dict(re.findall(r'id="(\w+)-error">.*?<span>(.*?)</span>', page))


def create(client: FlaskClient, **fields: Any) -> TestResponse:
    return client.post("/admin/webhooks/new", data=GOOD | fields)


def test_a_created_webhook_has_what_was_sent_and_its_secret_is_shown_once(admin: FlaskClient) -> None:
    answer = create(admin, description="For the finance team", active=["false", "true"])
    assert answer.status_code == 303
    (webhook,) = stored()
    assert (webhook.name, webhook.url, webhook.environment) == (GOOD["name"], GOOD["url"], "staging")
    assert (webhook.description, webhook.active, webhook.format) == ("For the finance team", True, "json")
    assert webhook.event_types == ["license.activated", "license.created"]
    first, second = (admin.get(answer.headers["Location"]).text for _ in range(2))
    assert webhook.secret in first
    assert webhook.secret not in second


def test_the_url_is_saved_and_shown_as_it_is_requested(admin: FlaskClient) -> None:
    typed, requested = "https://\uff19\uff13.184.215.14:443/\u00fc?q=%2f#top", "https://93.184.215.14/%C3%BC?q=%2F"
    wrong = create(admin, url=typed, name="")
    assert f'value="{requested}"' in wrong.text
    answer = create(admin, url=typed)
    (webhook,) = stored()
    assert webhook.url == requested
    assert requested in admin.get(answer.headers["Location"]).text.replace("<wbr>", "")


def test_creating_is_recorded_without_the_secret(admin: FlaskClient) -> None:
    create(admin)
    (webhook,) = stored()
    entry = db.session.scalars(db.select(AuditEntry)).one()
    assert (entry.action, entry.actor, entry.object_id) == ("webhook.created", "admin@example.com", webhook.id)
    assert entry.after is not None
    assert entry.after["name"] == "Billing"
    assert webhook.secret not in str(entry.after)


def test_htmx_is_sent_on_to_the_new_page(admin: FlaskClient) -> None:
    answer = admin.post("/admin/webhooks/new", data=GOOD, headers=HTMX)
    assert answer.status_code == 200
    assert answer.headers["HX-Redirect"] == f"/admin/webhooks/{stored()[0].id}"


def test_a_pasted_secret_is_taken(admin: FlaskClient) -> None:
    secret = secret_box.generate()
    create(admin, secret=f" {secret} ")
    assert stored()[0].secret == secret


@pytest.mark.parametrize(
    ("value", "active"),
    [(["false", "true"], True), ("on", True), ("1", True), ("false", False), ("off", False), ("", False)],
)
def test_the_words_of_a_switch(admin: FlaskClient, value: Any, active: bool) -> None:
    create(admin, active=value)
    assert stored()[0].active is active


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("name", "", "Give the webhook a name"),
        ("name", "   ", "Give the webhook a name"),
        ("name", "x" * 101, "at most 100 characters"),
        ("name", "x" * 10_000, "at most 100 characters"),
        ("name", "a\0b", "contain control characters"),
        ("name", "a\nb", "contain control characters"),
        *(
            ("name", f"a{chr(code)}b", "change the direction of writing")
            for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))
        ),
        *(
            ("name", blank, "at least one visible character")
            for blank in ("\u200b", "\u2800", "\u3164 \u034f", "\ufe0f")
        ),
        ("description", "x" * 10_000, "at most 1,000 characters"),
        ("description", "a\0b", "contain control characters"),
        ("url", "", "Enter the URL"),
        ("url", "http://93.184.215.14/", "must start with https://"),
        ("url", "ftp://93.184.215.14/", "must start with https://"),
        ("url", "https://", "needs a host"),
        ("url", "https://user:secret@93.184.215.14/", "Set Basic authentication instead"),
        ("url", "https://93.184.215.14/" + "x" * 2_048, "at most 2,048 characters"),
        ("url", "https://93.184.215.14/" + "ü" * 1_000, "with its special characters encoded"),
        ("url", "https://10.0.0.1/", "private or reserved"),
        ("url", "https://169.254.169.254/latest/meta-data", "private or reserved"),
        ("url", "https://0xa9fea9fe/", "private or reserved"),
        ("url", "https://167772161/", "private or reserved"),
        ("url", "https://[fe80::1]/", "private or reserved"),
        ("url", "https://metadata.google.internal/", "private name"),
        ("url", "https://a..example/", "Write it like example.com"),
        ("url", "https://a.example/\0", "control characters"),
        ("environment", "moon", "Choose an environment"),
        ("environment", "", "Choose an environment"),
        ("events", [], "Choose at least one event type"),
        ("events", ["license.created", "license.eaten"], "no event type"),
        ("secret", "password", "starts with whsec_"),
        ("secret", "whsec_!!!", "must be base64"),
        ("secret", "whsec_YWJj", "24 to 64 bytes"),
        ("format", "xml", "format must be one of json, slack, discord, teams, cloudevents"),
        ("retry_schedule", "never", "must be default, long or own"),
        ("active", "maybe", "must be true or false"),
    ],
)
def test_a_wrong_field_is_named_and_the_form_is_kept(admin: FlaskClient, field: str, value: Any, sentence: str) -> None:
    answer = create(admin, **{"description": "Kept text", field: value})
    assert answer.status_code == 422
    found = errors(answer.text)
    assert list(found) == [field]
    assert sentence in found[field]
    assert "Kept text" in answer.text or field == "description"
    assert stored() == []


def test_each_wrong_field_has_its_sentence_and_the_first_gets_the_cursor(admin: FlaskClient) -> None:
    answer = admin.post("/admin/webhooks/new", data={"url": "http://x", "events": []}, headers=HTMX)
    assert answer.status_code == 422
    assert answer.text.strip().startswith("<form")
    assert set(errors(answer.text)) == {"name", "url", "environment", "events"}
    assert re.search(r"<input[^>]*autofocus[^>]*name=\"name\"", answer.text)
    assert answer.text.count("autofocus") == 1
    summary = answer.text.partition('role="alert"')[2].partition("</div>")[0]
    assert re.findall('<a href="#(.*?)">(.*?)</a>', summary) == [
        ("name", "Name"),
        ("environment", "Environment"),
        ("url", "URL"),
        ("events", "Events"),
    ]
    assert all(f'id="{name}"' in answer.text for name in ("name", "environment", "url", "events"))
    assert re.search(r'aria-describedby="name-hint name-error"[^>]*aria-invalid="true"', answer.text)


@pytest.mark.parametrize(
    "name",
    [
        "<b>bold</b> \"q\" 'a' & 😀",
        "שלום right to left",
        "\u200fטסט",
        "خانه\u200cها",
        "👩\u200d💻 Orders",
        "名前",
        "x" * 100,
    ],
)
def test_unusual_names_are_stored_and_shown_as_text(admin: FlaskClient, name: str) -> None:
    answer = create(admin, name=name)
    assert stored()[0].name == name
    page = admin.get(answer.headers["Location"]).text
    assert "<b>bold" not in page


def test_a_target_that_the_operator_allows_may_be_plain_http(admin: FlaskClient) -> None:
    assert create(admin, url="http://127.0.0.1:9999/hook").status_code == 303


def edit(client: FlaskClient, webhook: Webhook, **fields: Any) -> Any:
    return client.post(f"/admin/webhooks/{webhook.id}/edit", data=GOOD | fields)


def test_an_edit_changes_the_fields_and_counts_the_version(admin: FlaskClient) -> None:
    webhook = make_webhook()
    secret = webhook.secret
    page = admin.get(f"/admin/webhooks/{webhook.id}/edit").text
    assert 'name="version" value="1"' in page
    answer = edit(admin, webhook, version="1", active="true")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/admin/webhooks/{webhook.id}")
    (changed,) = stored()
    assert (changed.name, changed.version, changed.secret) == ("Billing", 2, secret)
    assert changed.event_types == ["license.activated", "license.created"]
    entry = db.session.scalars(db.select(AuditEntry)).one()
    assert entry.action == "webhook.updated"
    assert entry.before is not None
    assert entry.after is not None
    assert entry.before["name"] == "Orders"
    assert entry.after["name"] == "Billing"
    assert "active" not in entry.after  # it didn't change


def test_another_environment_cancels_what_is_pending_of_the_old_one(admin: FlaskClient) -> None:
    webhook = make_webhook()
    make_event()
    make_event()
    edit(admin, webhook, environment="production")
    assert db.session.scalars(db.select(Delivery.status)).all() == ["pending", "pending"]
    assert "If you change it, pending deliveries are cancelled." in admin.get(f"/admin/webhooks/{webhook.id}/edit").text
    edit(admin, webhook, environment="staging")
    assert db.session.scalars(db.select(Delivery.status)).all() == ["cancelled", "cancelled"]
    entry = db.session.scalars(db.select(AuditEntry).order_by(AuditEntry.id.desc())).first()
    assert entry is not None
    assert entry.after == {"environment": "staging", "deliveries_cancelled": 2}


def test_an_edit_that_changes_nothing_leaves_no_trace(admin: FlaskClient) -> None:
    create(admin)
    (webhook,) = stored()
    edit(admin, webhook)
    assert stored()[0].version == 1
    assert [entry.action for entry in db.session.scalars(db.select(AuditEntry))] == ["webhook.created"]


def test_an_edit_without_the_switch_leaves_it_as_it_is(admin: FlaskClient) -> None:
    webhook = make_webhook(active=False)
    edit(admin, webhook)
    assert stored()[0].active is False


def test_the_second_of_two_editors_sees_both_versions(admin: FlaskClient) -> None:
    webhook = make_webhook()
    edit(admin, webhook, version="1", name="First")
    answer = edit(admin, webhook, version="1", name="Second")
    assert answer.status_code == 409
    assert "changed this webhook" in answer.text
    row = re.search(r'<th scope="row">Name</th>.*?</tr>', answer.text, re.DOTALL)
    assert row is not None
    assert re.findall("<bdi>(.*?)</bdi>", row[0]) == ["First", "Second"]
    assert '<th scope="row">URL</th>' not in answer.text  # the same in both versions
    assert stored()[0].name == "First"
    version = re.search(r'name="version" value="(\d+)"', answer.text)
    assert version is not None
    assert edit(admin, webhook, version=version[1], name="Second").status_code == 303
    assert stored()[0].name == "Second"


def test_a_toggle_meanwhile_is_a_conflict_too(admin: FlaskClient) -> None:
    webhook = make_webhook()
    admin.post(f"/admin/webhooks/{webhook.id}/active", data={"active": "false"})
    answer = edit(admin, webhook, version="1", active="true")
    assert answer.status_code == 409
    assert '<th scope="row">Active</th>' in answer.text


def test_an_edit_without_a_version_is_taken(admin: FlaskClient) -> None:
    webhook = make_webhook()
    edit(admin, webhook, version="1", name="First")
    assert edit(admin, webhook, name="Second").status_code == 303
    assert stored()[0].name == "Second"


def test_a_wrong_edit_changes_nothing(admin: FlaskClient) -> None:
    webhook = make_webhook()
    answer = edit(admin, webhook, url="https://127.0.0.1.nip.invalid:0/", name="Kept")
    assert answer.status_code == 422
    assert 'value="Kept"' in answer.text
    assert stored()[0].name == "Orders"


def test_editing_a_deleted_webhook_is_a_404(admin: FlaskClient) -> None:
    webhook = make_webhook()
    admin.post(f"/admin/webhooks/{webhook.id}/delete")
    assert edit(admin, webhook).status_code == 404
    assert admin.get(f"/admin/webhooks/{webhook.id}/edit").status_code == 404


def test_a_webhook_may_have_a_retry_schedule_of_its_own(admin: FlaskClient) -> None:
    admin.post("/admin/webhooks/new", data=GOOD | {"retry_schedule": "long"})
    webhook = db.session.scalars(db.select(Webhook)).one()
    assert webhook.retry_schedule == "long"
    admin.post(f"/admin/webhooks/{webhook.id}/edit", data=GOOD | {"retry_schedule": ""})
    db.session.refresh(webhook)
    assert webhook.retry_schedule is None
    assert admin.post("/admin/webhooks/new", data=GOOD | {"retry_schedule": "never"}).status_code == 422


def test_the_chosen_types_are_not_worked_out_for_each_type(admin: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """With 1,000 types, the form would take seconds."""
    expanded = Mock(wraps=catalogue.expanded)
    monkeypatch.setattr(catalogue, "expanded", expanded)
    assert 'value="license.created"' in admin.get("/admin/webhooks/new").text
    assert expanded.call_count < 5


def test_a_duplicate_starts_with_all_but_the_secret(admin: FlaskClient) -> None:
    webhook = make_webhook(name="x" * 100, environment="staging", event_types=["contract.created"])
    page = admin.get(f"/admin/webhooks/new?copy={webhook.id}").text
    assert f'value="{"x" * 95} copy"' in page
    assert f'value="{webhook.url}"' in page
    assert re.search('value="contract.created" checked', page)
    assert webhook.secret not in page


@pytest.mark.parametrize(("original", "status"), [("999", 404), ("9" * 30, 404), ("abc", 200), ("-1", 200)])
def test_a_duplicate_of_nothing(admin: FlaskClient, original: str, status: int) -> None:
    assert admin.get(f"/admin/webhooks/new?copy={original}").status_code == status


def test_a_rate_limit_and_the_order_are_saved_shown_and_recorded(admin: FlaskClient) -> None:
    create(admin, rate_limit="5", rate_period="minute", in_order=["false", "true"])
    (webhook,) = stored()
    assert (webhook.rate_limit, webhook.rate_period, webhook.in_order) == (5, "minute", True)
    page = admin.get(f"/admin/webhooks/{webhook.id}").text
    assert "5 per minute" in page
    assert "one request at a time" in page
    edited = {"name": "Billing", "version": "1", "rate_limit": "", "in_order": "false"}
    admin.post(f"/admin/webhooks/{webhook.id}/edit", data=GOOD | edited)
    (webhook,) = stored()
    assert (webhook.rate_limit, webhook.in_order) == (None, False)
    entry = db.session.scalars(db.select(AuditEntry).filter_by(action="webhook.updated")).one()
    assert entry.before == {"rate_limit": 5, "in_order": True}


@pytest.mark.parametrize("limit", ["0", "-1", "10001", "1.5", "fast", "9" * 5_000, "\u0665"])
def test_a_rate_limit_that_makes_no_sense_is_told_once(admin: FlaskClient, limit: str) -> None:
    answer = create(admin, rate_limit=limit)
    if limit == "\u0665":  # int() reads it, as people in some countries write it
        assert stored()[0].rate_limit == 5
        return
    assert answer.status_code == 422
    wanted = "The rate limit must be a whole number from 1 to 10,000, or none for no limit."
    assert errors(answer.text) == {"rate_limit": wanted}
    assert stored() == []


def test_a_form_that_is_sent_twice_makes_one_webhook(admin: FlaskClient) -> None:
    token = form_token(admin.get("/admin/webhooks/new").text)
    first, second = (create(admin, form_token=token) for _ in range(2))
    assert (first.status_code, second.status_code) == (303, 303)
    assert first.headers["Location"] == second.headers["Location"]
    assert "The form was sent twice, and took effect once." in admin.get(second.headers["Location"]).text
    assert len(stored()) == 1
    assert token != form_token(admin.get("/admin/webhooks/new").text)


def test_a_form_with_an_error_can_be_sent_again(admin: FlaskClient) -> None:
    token = form_token(admin.get("/admin/webhooks/new").text)
    assert create(admin, form_token=token, name="").status_code == 422
    assert create(admin, form_token=token).status_code == 303
    assert len(stored()) == 1


@pytest.mark.parametrize("token", ["", "x" * 5_000, "\0", "<b>"])
def test_any_token_is_taken(admin: FlaskClient, token: str) -> None:
    assert create(admin, form_token=token).status_code == 303


def test_two_requests_of_one_form_at_the_same_time_make_one_webhook(app: Flask, admin: FlaskClient) -> None:
    """Each waits for the other's transaction."""
    cookie = admin.get_cookie("session")
    assert cookie

    def send(_number: int) -> int:
        client = app.test_client()
        client.set_cookie("session", cookie.value)
        response = create(client, form_token="the same")
        return response.status_code

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(send, range(4))) == [303] * 4
    assert len(stored()) == 1
