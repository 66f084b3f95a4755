"""The options of a webhook in the form, on its page, in the audit log, in a copy and in a conflict."""

import html
import re
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.support.factories import make_event, make_webhook
from tests.support.http import HTMX
from tests.webhooks_ui.views.webhooks.read_back import reloaded
from webhooks_ui.database import db, writing
from webhooks_ui.events.types import EVENT_TYPES
from webhooks_ui.models import AuditEntry, Webhook
from webhooks_ui.webhooks import changes
from webhooks_ui.webhooks.own_headers import MASK, Auth, AuthKind, OwnHeader, open_headers
from webhooks_ui.webhooks.ready_conditions import READY_CONDITIONS

GOOD: dict[str, Any] = {
    "name": "Billing",
    "url": "https://93.184.215.14/webhooks",
    "environment": "production",
    "events": ["activation.failed", "license.activated", "telemetry.flagged"],
}
ONE = {"conditions": "shown", "condition_field": ["reason.code"], "condition_operator": ["equals"]}
ONE |= {"condition_value": ["limit_reached"]}
OPTIONS = {
    "headers": "X-Tenant: emea-secret\nX-Two: two-secret",
    "auth_kind": "basic",
    "auth_username": "ada",
    "auth_secret": "pass-secret",
    **ONE,
    "fields_mode": "leave_out",
    "fields_paths": "customer.email",
    "fields_extra": '{"tenant": "emea"}',
    "retry_schedule": "own",
    "retry_delays": "10 s, 5m, 2h, 7d",
    "timeout_seconds": "3",
}


def stored() -> list[Webhook]:
    db.session.rollback()
    return list(db.session.scalars(db.select(Webhook).order_by(Webhook.id)))


def sent_headers(webhook: Webhook) -> dict[str, str]:
    """Return the headers that the webhook's requests get."""
    return dict(open_headers(webhook.headers, webhook.auth))


def errors(page: str) -> dict[str, str]:
    """Return the message of each field that has one."""
    return {
        name: html.unescape(text) for name, text in re.findall(r'id="(\w+)-error">.*?<span>(.*?)</span>', page, re.S)
    }


def create(client: FlaskClient, **fields: Any) -> TestResponse:
    return client.post("/admin/webhooks/new", data=GOOD | fields)


def make_with_options() -> Webhook:
    webhook = make_webhook(event_types=GOOD["events"], url=GOOD["url"])
    headers = [OwnHeader("X-Tenant", "emea-secret")]
    with writing():
        changes.edit(changes.get(webhook.id), {"headers": headers, "auth": Auth(AuthKind.BASIC, "ada", "pass-secret")})
    return reloaded(webhook)


def test_every_option_is_saved_and_shown_without_its_secrets(admin: FlaskClient) -> None:
    answer = create(admin, **OPTIONS)
    assert answer.status_code == 303, errors(answer.text)
    (webhook,) = stored()
    assert sent_headers(webhook) == {
        "X-Tenant": "emea-secret",
        "X-Two": "two-secret",
        "Authorization": "Basic YWRhOnBhc3Mtc2VjcmV0",
    }
    assert webhook.filter == {
        "match": "all",
        "conditions": [{"field": "reason.code", "operator": "equals", "value": "limit_reached"}],
    }
    assert webhook.fields == {"mode": "leave_out", "paths": ["customer.email"], "extra": '{"tenant":"emea"}'}
    assert (webhook.retry_schedule, webhook.retry_delays) == ("own", [10, 300, 7_200, 604_800])
    assert webhook.timeout_seconds == 3
    page = admin.get(f"/admin/webhooks/{webhook.id}").text
    for text in (
        *(f"X-Tenant: {MASK}", "Basic, user ada", "reason.code equals limit_reached", "Without customer.email"),
        *("With tenant: &#34;emea&#34;", "10 s, 5 min, 2 h, 7 d", "3 s"),
    ):
        assert text in page, text
    edit = admin.get(f"/admin/webhooks/{webhook.id}/edit").text
    log = admin.get("/admin/audit-log").text
    copy = admin.get(f"/admin/webhooks/new?copy={webhook.id}").text
    assert "-secret" not in page + edit + log + copy
    assert f"X-Tenant: {MASK}" in edit
    assert "Leave empty to keep the stored one" in edit


def test_saving_the_form_as_it_is_changes_nothing(admin: FlaskClient) -> None:
    create(admin, **OPTIONS)
    (webhook,) = stored()
    version = webhook.version
    fields = GOOD | OPTIONS | {"headers": f"X-Tenant: {MASK}\nX-Two: {MASK}", "auth_secret": ""}
    answer = admin.post(f"/admin/webhooks/{webhook.id}/edit", data=fields | {"version": version})
    assert answer.status_code == 303, errors(answer.text)
    assert reloaded(webhook).version == version
    assert len(db.session.scalars(db.select(AuditEntry)).all()) == 1


def test_numbers_in_fields_to_add_keep_their_digits_in_the_form(admin: FlaskClient) -> None:
    typed, shown = '{"n": 1.10, "m": 12345678901234567890.12}', "{&#34;n&#34;:1.10,&#34;m&#34;:12345678901234567890.12}"
    assert "&#34;n&#34;:1.10" in preview(admin, fields_extra=typed).text.replace("\n", "")
    assert create(admin, fields_extra=typed).status_code == 303
    (webhook,) = stored()
    page = admin.get(f"/admin/webhooks/{webhook.id}").text
    assert "With n: 1.10" in page
    assert "With m: 12345678901234567890.12" in page
    assert shown in admin.get(f"/admin/webhooks/{webhook.id}/edit").text
    answer = admin.post(f"/admin/webhooks/{webhook.id}/edit", data=GOOD | {"fields_extra": typed, "version": "1"})
    assert answer.status_code == 303
    assert reloaded(webhook).version == 1


def test_other_events_must_fit_the_stored_filter(admin: FlaskClient) -> None:
    fields = row(field="flags.x") | {"version": "1"}
    assert create(admin, events=["license.created"], **fields).status_code == 303
    (webhook,) = stored()
    address = f"/admin/webhooks/{webhook.id}/edit"
    for typed in (fields, {"version": "1"}):  # also without the rows of the conditions
        answer = admin.post(address, data=GOOD | {"events": ["telemetry.flagged"]} | typed)
        assert answer.status_code == 422
        assert errors(answer.text)["conditions"].startswith("flags is a list")


def test_options_can_be_taken_away_in_the_form(admin: FlaskClient) -> None:
    create(admin, **OPTIONS)
    (webhook,) = stored()
    nothing = dict.fromkeys(OPTIONS, "") | {"conditions": "shown", "version": webhook.version}
    del nothing["condition_field"], nothing["condition_operator"], nothing["condition_value"]
    answer = admin.post(f"/admin/webhooks/{webhook.id}/edit", data=GOOD | nothing)
    assert answer.status_code == 303, errors(answer.text)
    webhook = reloaded(webhook)
    assert (webhook.headers, webhook.auth, webhook.filter, webhook.fields) == ([], None, None, None)
    assert (webhook.retry_schedule, webhook.retry_delays, webhook.timeout_seconds) == (None, None, None)


def test_a_schedule_can_be_changed_while_the_old_delays_still_stand_in_the_form(admin: FlaskClient) -> None:
    create(admin, **OPTIONS)
    (webhook,) = stored()
    typed = {"retry_schedule": "long", "retry_delays": "10 s, 5 min, 2 h, 7 d", "version": webhook.version}
    assert admin.post(f"/admin/webhooks/{webhook.id}/edit", data=GOOD | typed).status_code == 303
    webhook = reloaded(webhook)
    assert (webhook.retry_schedule, webhook.retry_delays) == ("long", None)


def row(**fields: str) -> dict[str, Any]:
    return ONE | {f"condition_{name}": [value] for name, value in fields.items()}


@pytest.mark.parametrize(
    ("field", "fields", "sentence"),
    [
        ("headers", {"headers": "X Tenant: emea"}, "'X Tenant' can't be the name of a header"),
        ("headers", {"headers": "nothing"}, "nothing needs a value"),
        ("headers", {"headers": ": x"}, "needs a name"),
        ("headers", {"headers": "X-A: a\x00b"}, "must be printable ASCII"),
        ("headers", {"headers": "X-A: " + "x" * 4_097}, "too long"),
        ("headers", {"headers": "\n".join(f"X-{n}: x" for n in range(21))}, "There are 21 headers. Use up to 20."),
        ("headers", {"headers": "X-A: 1\nx-a: 2"}, "x-a is there twice"),
        ("headers", {"headers": "Authorization: Bearer x"}, "under Authentication"),
        ("headers", {"headers": "webhook-id: x"}, "set for each request by itself"),
        ("headers", {"headers": f"X-A: {MASK}"}, "Type the value of X-A"),
        ("auth_kind", {"auth_kind": "digest"}, "must be basic, bearer, oauth"),
        ("auth_kind", {"auth_secret": "x"}, "Choose Basic, Bearer or OAuth, or empty"),
        ("auth_kind", {"auth_username": "x"}, "Choose Basic, Bearer or OAuth, or empty"),
        ("auth_secret", {"auth_kind": "bearer"}, "The token needs a value."),
        ("auth_secret", {"auth_kind": "bearer", "auth_secret": "Bearer abc"}, "Enter the token alone"),
        ("auth_secret", {"auth_kind": "basic", "auth_secret": "x"}, "needs a user name"),
        ("conditions", row(field=""), "needs a field of the data"),
        ("conditions", row(field="a..b"), "is no path"),
        ("conditions", row(operator="like"), "'like' is no operator"),
        ("conditions", row(value=""), "needs a value"),
        ("conditions", row(operator="less"), "a number, or with a time"),
        ("conditions", row(field="flags.x"), "flags is a list"),
        ("conditions", row() | {"filter_match": "some"}, "all or any"),
        ("fields_paths", {"fields_mode": "keep"}, "Name 1 to 50 fields"),
        ("fields_paths", {"fields_paths": "customer.email"}, "Choose whether these fields are left out or sent"),
        ("fields_paths", {"fields_mode": "drop"}, "leave_out or keep"),
        ("fields_paths", {"fields_mode": "keep", "fields_paths": "a."}, "is no path"),
        ("fields_extra", {"fields_extra": "{"}, "The fields to add are not JSON"),
        ("fields_extra", {"fields_extra": "[]"}, "a JSON object"),
        ("fields_extra", {"fields_extra": '{"a": 1, "a": 2}'}, "appears twice"),
        ("fields_extra", {"fields_extra": "[" * 20_000}, "too large. Use up to 4,096 bytes"),  # it isn't read
        ("headers", {"headers": "A:b\n" * 50_000}, "The headers are too long. Use up to 20."),
        ("retry_delays", {"retry_schedule": "own", "retry_delays": "1s," * 400}, "The delays are too long."),
        ("retry_delays", {"retry_delays": "10s"}, "Choose Its own delays as the retry schedule"),
        ("retry_delays", {"retry_schedule": "own"}, "Give 1 to 12 delays"),
        ("retry_delays", {"retry_schedule": "own", "retry_delays": "soon"}, "'soon' is not a delay"),
        ("retry_delays", {"retry_schedule": "own", "retry_delays": "8d"}, "1 second to 7 days"),
        ("retry_delays", {"retry_schedule": "own", "retry_delays": "1s," * 13}, "not 13"),
        ("timeout_seconds", {"timeout_seconds": "31"}, "from 1 to 30"),
        ("timeout_seconds", {"timeout_seconds": "1.5"}, "from 1 to 30"),
        ("timeout_seconds", {"timeout_seconds": "9" * 50}, "from 1 to 30"),
    ],
)
def test_a_wrong_option_has_its_sentence_at_its_field(
    admin: FlaskClient, field: str, fields: dict[str, Any], sentence: str
) -> None:
    answer = create(admin, **fields)
    assert answer.status_code == 422
    found = errors(answer.text)
    assert list(found) == [field]
    assert sentence in found[field]
    assert stored() == []
    assert f'href="#{field}"' in answer.text
    assert f'id="{field}"' in answer.text


def test_a_typed_password_stays_when_another_field_is_wrong(admin: FlaskClient) -> None:
    """Otherwise the next try would silently keep the stored one."""
    webhook = make_with_options()
    fields = GOOD | {"auth_kind": "basic", "auth_username": "ada", "auth_secret": "brand-new", "name": ""}
    answer = admin.post(f"/admin/webhooks/{webhook.id}/edit", data=fields | {"version": webhook.version})
    assert answer.status_code == 422
    assert re.search(r'<input[^>]*name="auth_secret"[^>]*value="brand-new"', answer.text)


def test_a_field_that_no_example_has_is_saved_with_a_warning(admin: FlaskClient) -> None:
    answer = create(admin, **row(field="reason.kode"))
    assert answer.status_code == 303
    assert "No example of the chosen events has the field reason.kode." in admin.get(answer.headers["Location"]).text


def test_a_copy_keeps_the_secrets(admin: FlaskClient) -> None:
    webhook = make_with_options()
    kept = {"headers": f"X-Tenant: {MASK}", "auth_kind": "basic", "auth_username": "ada", "auth_secret": ""}
    answer = create(admin, copied_from=str(webhook.id), **kept)
    assert answer.status_code == 303, errors(answer.text)
    copy = stored()[1]
    assert copy.name == "Billing"
    assert sent_headers(copy) == sent_headers(webhook)
    assert copy.secret != webhook.secret


@pytest.mark.parametrize("is_copy", [False, True])
def test_another_host_needs_the_secrets_again(admin: FlaskClient, is_copy: bool) -> None:
    webhook = make_with_options()
    address = "/admin/webhooks/new" if is_copy else f"/admin/webhooks/{webhook.id}/edit"
    page = GOOD | {"version": webhook.version, "copied_from": str(webhook.id), "url": "https://93.184.215.15/"}
    kept = {"headers": f"X-Tenant: {MASK}", "auth_kind": "basic", "auth_username": "ada", "auth_secret": ""}
    answer = admin.post(address, data=page | kept)
    assert answer.status_code == 422
    assert errors(answer.text) == {
        "url": "Type these again, or remove them: X-Tenant, the password, token or client secret. "
        "What is stored is sent to 93.184.215.14 only."
    }
    answer = admin.post(address, data=page | kept | {"headers": "X-Tenant: new", "auth_secret": "new"})
    assert answer.status_code == 303, errors(answer.text)
    assert sent_headers(stored()[-1])["X-Tenant"] == "new"


def test_another_user_name_needs_the_password_again(admin: FlaskClient) -> None:
    webhook = make_with_options()
    fields = GOOD | {"auth_kind": "basic", "auth_username": "bob", "auth_secret": "", "version": webhook.version}
    answer = admin.post(f"/admin/webhooks/{webhook.id}/edit", data=fields | {"headers": f"X-Tenant: {MASK}"})
    assert answer.status_code == 422
    assert "none yet that could be kept" in errors(answer.text)["auth_secret"]


def test_a_conflict_shows_the_options_in_words_and_no_secret(admin: FlaskClient) -> None:
    webhook = make_with_options()
    fields = GOOD | OPTIONS | {"headers": "X-Tenant: third-secret", "auth_secret": "fourth-secret", "version": "1"}
    answer = admin.post(f"/admin/webhooks/{webhook.id}/edit", data=fields)
    assert answer.status_code == 409
    table = answer.text.partition("<table")[2].partition("</table>")[0] or answer.text.partition('name="name"')[0]
    for text in ("Filter", "reason.code equals limit_reached", "Data", "Without customer.email", MASK, "(new value)"):
        assert text in table, text
    assert "emea-secret" not in answer.text
    assert "pass-secret" not in answer.text
    assert "third-secret" not in table


def test_the_audit_log_says_that_a_value_is_new_without_telling_it(admin: FlaskClient) -> None:
    webhook = make_with_options()
    fields = GOOD | {"headers": "X-Tenant: other-secret", "auth_kind": "bearer", "auth_secret": "token-secret"}
    assert (
        admin.post(f"/admin/webhooks/{webhook.id}/edit", data=fields | {"version": webhook.version}).status_code == 303
    )
    page = admin.get("/admin/audit-log").text
    assert f"X-Tenant: {MASK} (new value)" in page
    assert "Bearer token" in page
    assert "-secret" not in page


def preview(client: FlaskClient, **fields: Any) -> TestResponse:
    return client.post("/admin/webhooks/new/preview", data=GOOD | {"conditions": "shown"} | fields)


def fill_the_log() -> None:
    for number in range(60):
        code = "limit_reached" if number % 5 == 0 else "other"
        make_event(type="activation.failed", data={"reason": {"code": code}, "n": number})
    make_event(type="license.created", data={"reason": {"code": "limit_reached"}})


@pytest.mark.parametrize("headers", [HTMX, {}], ids=["htmx", "without JavaScript"])
def test_the_conditions_are_tried_on_the_last_fifty_events(admin: FlaskClient, headers: dict[str, str]) -> None:
    fill_the_log()
    data = GOOD | ONE | {"step": ""}
    answer = admin.post("/admin/webhooks/new/preview", data=data, headers=headers)
    assert answer.status_code == 200
    assert "10 of the last 50 events would be sent." in answer.text
    assert ("<html" in answer.text) is not bool(headers)


def test_without_events_the_examples_are_tried(admin: FlaskClient) -> None:
    answer = preview(admin, **ONE)
    assert "None of these events has happened lately. Of their 3 examples, " in answer.text


def test_a_condition_without_sense_says_so_in_the_preview(admin: FlaskClient) -> None:
    fill_the_log()
    answer = html.unescape(preview(admin, **row(field="n", operator="starts_with", value="5")).text)
    assert "0 of the last 50 events would be sent." in answer
    assert "n is a number here, but the condition needs a text." in answer


def test_a_field_that_no_example_has_is_named_in_the_preview(admin: FlaskClient) -> None:
    assert (
        "No example of the chosen events has the field reason.kode." in preview(admin, **row(field="reason.kode")).text
    )


def test_an_unknown_authentication_is_an_error_in_the_preview(admin: FlaskClient) -> None:
    page = html.unescape(preview(admin, auth_kind="digest").text)
    assert "Authentication: The authentication must be basic, bearer, oauth, or empty." in page


def test_buttons_add_and_remove_rows_and_keep_what_was_typed(admin: FlaskClient) -> None:
    page = preview(admin, **ONE, step="add").text
    assert page.count('name="condition_field"') == 2
    assert 'value="limit_reached"' in page
    two = {name: value * 2 for name, value in ONE.items() if isinstance(value, list)} | {"filter_match": "any"}
    page = preview(admin, **two, step="remove 0").text
    assert page.count('name="condition_field"') == 1
    for step in ("remove 7", "remove x", "remove", "remove ٣", "remove 0000000009", "nothing", "add " * 9):
        assert preview(admin, **two, step=step).status_code == 200
    ten = {name: value * 10 for name, value in ONE.items() if isinstance(value, list)}
    assert preview(admin, **ten, step="add").text.count('name="condition_field"') == 10


@pytest.mark.parametrize("name", READY_CONDITIONS)
def test_ready_conditions_work_on_events_as_the_portal_publishes_them(admin: FlaskClient, name: str) -> None:
    page = preview(admin, step=name).text
    condition = READY_CONDITIONS[name].condition
    assert f'value="{condition.field}"' in page
    assert f'value="{condition.value}"' in page
    types = {"limit_reached": "activation.failed", "one_product": "license.activated", "bypassed": "telemetry.flagged"}
    data = dict(EVENT_TYPES[types[name]].example)
    make_webhook(event_types=[types[name]], filter={"match": "all", "conditions": [condition.as_json()]})
    assert make_event(type=types[name], data=data).deliveries_count == 1
    assert make_event(type=types[name], data={}).deliveries_count == 0


def test_any_rows_never_get_a_500(admin: FlaskClient) -> None:
    bodies: list[dict[str, Any]] = [
        {"condition_field": ["a"] * 3},
        {"condition_operator": ["equals"] * 3},
        {"condition_field": ["a"], "condition_operator": ["x"], "condition_value": ["\0"]},
        {"condition_field": ["\0"] * 200, "condition_value": ["x" * 10_000]},
        {"filter_match": "\0", "condition_field": ["a"], "condition_value": ["b"]},
        {"environment": "moon", "events": ["x.y"], **ONE},
        {"events": [], **ONE},
        {"fields_mode": "x", "auth_kind": "x", "format": "x", "retry_schedule": "x", "rate_period": "x", **ONE},
        {"fields_extra": "[" * 5_000, "headers": "\0:\0", "timeout_seconds": "\0"},
        {"copied_from": "9" * 30, "step": "\0"},
    ]
    for body in bodies:
        for path in ("/admin/webhooks/new/preview", "/admin/webhooks/new"):
            answer = admin.post(path, data=GOOD | {"conditions": "shown"} | body)
            assert answer.status_code < 500, body
