"""The options of a webhook through the API."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from werkzeug.exceptions import Conflict

from tests.support.factories import make_event
from tests.support.stored import the_webhook
from tests.webhooks_ui.api.conftest import Api
from tests.webhooks_ui.api.test_garbage import VALUES
from webhooks_ui.database import db, writing
from webhooks_ui.events.selection import selected
from webhooks_ui.models import AuditEntry, Delivery, Webhook
from webhooks_ui.webhooks import changes
from webhooks_ui.webhooks.own_headers import MASK, open_headers

NEW = {
    "name": "Orders",
    "url": "https://93.184.215.14/",
    "events": ["license.activated", "activation.failed", "telemetry.flagged"],
}
HEADERS = [{"name": "X-Tenant", "value": "emea-secret"}]
BASIC = {"type": "basic", "username": "ada", "password": "pass-secret"}
BEARER = {"type": "bearer", "token": "token-secret"}
CONDITION = {"field": "reason.code", "operator": "equals", "value": "limit_reached"}
FILTER = {"match": "all", "conditions": [CONDITION]}
OPTIONS: dict[str, Any] = {
    "headers": HEADERS,
    "auth": BASIC,
    "filter": FILTER,
    "fields": {"mode": "leave_out", "paths": ["customer.email"], "extra": {"tenant": "emea"}},
    "retry_delays": [10, 60, 604_800],
    "timeout_seconds": 3,
}


def sent_headers() -> dict[str, str]:
    """Return the headers that the webhook's requests get."""
    webhook = the_webhook()
    return dict(open_headers(webhook.headers, webhook.auth))


def create(api: Api, **fields: object) -> dict[str, Any]:
    answer = api.post("/webhooks", json=NEW | fields)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.get_json()
    return found


def errors(api: Api, **fields: object) -> dict[str, str]:
    """Return the message of each wrong field, which must be the same for a new webhook and for a change."""
    created = create(api)
    messages = []
    for answer in (api.post("/webhooks", json=NEW | fields), api.patch(f"/webhooks/{created['id']}", json=fields)):
        assert answer.status_code == 422, answer.text
        messages.append({error["field"]: error["message"] for error in answer.get_json()["errors"]})
    assert messages[0] == messages[1]
    return messages[0]


def test_every_option_is_taken_and_told_without_its_secrets(api: Api) -> None:
    answer = create(api, **OPTIONS)
    assert answer["headers"] == [{"name": "X-Tenant", "value": MASK}]
    assert answer["auth"] == {"type": "basic", "username": "ada", "password": MASK}
    assert answer["retry_schedule"] == "own"
    for name in ("filter", "fields", "retry_delays", "timeout_seconds"):
        assert answer[name] == OPTIONS[name]
    assert sent_headers() == {"X-Tenant": "emea-secret", "Authorization": "Basic YWRhOnBhc3Mtc2VjcmV0"}
    text = api.get("/webhooks").text + api.get(f"/webhooks/{answer['id']}").text + json.dumps(answer)
    assert "-secret" not in text
    entry = db.session.scalars(db.select(AuditEntry)).one()
    assert "-secret" not in str(entry.after)
    assert the_webhook().headers[0]["value_encrypted"] not in str(entry.after)


def test_an_older_caller_makes_a_webhook_without_options(api: Api) -> None:
    answer = create(api)
    assert answer["headers"] == answer["warnings"] == []
    assert all(answer[name] is None for name in ("auth", "filter", "fields", "retry_delays", "timeout_seconds"))


def test_null_takes_each_option_away(api: Api) -> None:
    id = create(api, **OPTIONS)["id"]
    names = ("auth", "filter", "fields", "timeout_seconds", "retry_schedule", "retry_delays")
    for name in names:
        assert api.patch(f"/webhooks/{id}", json={name: None}).status_code == 200
    answer = api.get(f"/webhooks/{id}").get_json()
    assert [answer[name] or None for name in names] == [None] * len(names)
    assert create(api, **dict.fromkeys(names))["retry_schedule"] == ""


def test_the_mask_keeps_a_value_and_others_replace_it(api: Api) -> None:
    id = create(api, headers=[*HEADERS, {"name": "X-Two", "value": "two"}], auth=BEARER)["id"]
    answer = api.get(f"/webhooks/{id}").get_json()
    changed = [{"name": "x-tenant", "value": MASK}, {"name": "X-Two", "value": "deux"}]
    assert api.patch(f"/webhooks/{id}", json={"headers": changed, "auth": answer["auth"]}).status_code == 200
    assert sent_headers() == {"x-tenant": "emea-secret", "X-Two": "deux", "Authorization": "Bearer token-secret"}
    assert api.patch(f"/webhooks/{id}", json={"headers": [], "auth": None}).get_json()["auth"] is None
    assert sent_headers() == {}


def test_what_was_read_can_be_sent_back(api: Api) -> None:
    answer = create(api, **OPTIONS)
    before = the_webhook()
    stored = before.headers, before.auth, before.version
    names = ("headers", "auth", "filter", "fields", "retry_schedule", "retry_delays", "timeout_seconds", "format")
    assert api.patch(f"/webhooks/{answer['id']}", json={name: answer[name] for name in names}).status_code == 200
    assert (the_webhook().headers, the_webhook().auth, the_webhook().version) == stored


def header(name: str, value: str = "x") -> dict[str, object]:
    return {"headers": [{"name": name, "value": value}]}


def condition(**fields: object) -> dict[str, object]:
    return {"filter": {"conditions": [CONDITION | fields]}}


@pytest.mark.parametrize(
    ("field", "fields", "sentence"),
    [
        ("format", {"format": "xml"}, "must be one of json, slack, discord, teams, cloudevents"),
        ("headers", {"headers": "X-Tenant: emea"}, "array of objects with name and value"),
        ("headers", {"headers": [{"name": "X-Tenant"}]}, "array of objects with name and value"),
        ("headers", {"headers": [{"name": "X-Tenant", "value": 5}]}, "array of objects with name and value"),
        ("headers", header(""), "needs a name"),
        ("headers", header("X Tenant"), "'X Tenant' can't be the name of a header"),
        ("headers", header("X-Tenant\r\nEvil"), "can't be the name of a header"),
        ("headers", header("X-Ténant"), "can't be the name of a header"),
        ("headers", header("x" * 129), "can't be the name of a header"),
        ("headers", header("X-Tenant", "a\r\nEvil: 1"), "must be printable ASCII, without line ends"),
        ("headers", header("X-Tenant", "é"), "must be printable ASCII"),
        ("headers", header("X-Tenant", ""), "X-Tenant needs a value"),
        ("headers", header("X-Tenant", "x" * 4_097), "too long. Use up to 4,096 bytes"),
        ("headers", header("Content-Length"), "is set for each request by itself"),
        ("headers", header("transfer-ENCODING"), "is set for each request by itself"),
        ("headers", header("Connection"), "is set for each request by itself"),
        ("headers", header("Host"), "is set for each request by itself"),
        ("headers", header("Webhook-Signature"), "is set for each request by itself"),
        ("headers", header("X-Webhook-Event"), "is set for each request by itself"),
        ("headers", header("webhook_signature"), "is set for each request by itself"),
        ("headers", header("Transfer_Encoding"), "is set for each request by itself"),
        ("headers", header("Authorization"), "under Authentication, in the API by auth"),
        ("timeout_seconds", {"timeout_seconds": 31}, "or none for the usual one."),
        ("rate_limit", {"rate_limit": 0}, "or none for no limit."),
        ("headers", header("X-Tenant", MASK), "Type the value of X-Tenant"),
        ("headers", {"headers": [{"name": f"X-{n}", "value": "x"} for n in range(21)]}, "There are 21 headers"),
        ("headers", {"headers": [*HEADERS, {"name": "x-tenant", "value": "x"}]}, "x-tenant is there twice"),
        ("auth", {"auth": "Bearer x"}, "This field is null"),
        ("auth", {"auth": {"type": "digest", "token": "x"}}, "This field is null"),
        ("auth", {"auth": BASIC | {"token": "x"}}, "This field is null"),
        ("auth", {"auth": BASIC | {"username": "a:b"}}, "can't contain a colon"),
        ("auth", {"auth": BASIC | {"username": ""}}, "needs a user name"),
        ("auth", {"auth": BASIC | {"password": ""}}, "The password must be"),
        ("auth", {"auth": BASIC | {"password": "a\nb"}}, "The password must be"),
        ("auth", {"auth": BASIC | {"password": MASK}}, "There is none yet that could be kept"),
        ("auth", {"auth": {"type": "bearer", "token": ""}}, "The token needs a value."),
        ("auth", {"auth": {"type": "bearer", "token": "Bearer abc"}}, "Enter the token alone"),
        ("auth", {"auth": {"type": "bearer", "token": " authorization: Bearer abc"}}, "Enter the token alone"),
        ("auth", {"auth": {"type": "bearer", "token": "a\r\nb"}}, "without line ends"),
        ("auth", {"auth": {"type": "bearer", "token": "x" * 4_097}}, "too long"),
        ("filter", {"filter": []}, "null, or an object with match and conditions"),
        ("filter", {"filter": {"match": "all"}}, "null, or an object with match and conditions"),
        ("filter", {"filter": FILTER | {"x": 1}}, "null, or an object with match and conditions"),
        ("filter", {"filter": FILTER | {"match": "some"}}, "all or any"),
        ("filter", condition(operator="like"), "'like' is no operator"),
        ("filter", condition(field=""), "needs a field of the data"),
        ("filter", condition(field="a..b"), "'a..b' is no path"),
        ("filter", condition(field="x" * 201), "too long"),
        ("filter", condition(value=""), "needs a value"),
        ("filter", condition(value="x" * 501), "up to 500 printable characters"),
        ("filter", condition(value={"a": 1}), "null, or an object with match and conditions"),
        ("filter", condition(operator="greater"), "a number, or with a time"),
        ("filter", condition(operator="one_of", value=" , "), "Give 1 to 50 values"),
        ("filter", condition(operator="one_of", value=list(range(51))), "Give 1 to 50 values"),
        ("filter", condition(operator="one_of", value=["a,b"]), "contain commas"),
        ("filter", condition(operator="one_of", value=[" a"]), "begin or end with spaces"),
        ("filter", condition(value=["a", "b"]), "takes one value. For several values, use one_of"),
        ("filter", condition(field="flags.first"), "flags is a list, and a path can't lead into a list"),
        ("filter", {"filter": {"conditions": [CONDITION] * 11}}, "There are 11 conditions. Use up to 10"),
        ("fields", {"fields": {"mode": "drop", "paths": ["a"]}}, "leave_out or keep"),
        ("fields", {"fields": {"paths": "a"}}, "an array of strings"),
        ("fields", {"fields": {"paths": ["a."]}}, "'a.' is no path"),
        ("fields", {"fields": {"paths": []}}, "Name 1 to 50 fields. Write"),
        ("fields", {"fields": {"paths": [f"a{n}" for n in range(51)]}}, "Name 1 to 50 fields"),
        ("fields", {"fields": {"paths": ["a"], "extra": [1]}}, "a JSON object"),
        ("fields", {"fields": {"extra": []}}, "The fields to add are a JSON object"),
        ("fields", {"fields": {"extra": None}}, "The fields to add are a JSON object"),
        ("fields", {"fields": {"extra": {}}}, "Name 1 to 50 fields"),
        ("fields", {"fields": {"paths": ["a"], "extra": {"a": "x" * 5_000}}}, "too large. Use up to 4,096 bytes"),
        ("fields", {"fields": {"path": ["a"]}}, "mode, paths and extra"),
        ("retry_delays", {"retry_delays": []}, "Give 1 to 12 delays, not 0"),
        ("retry_delays", {"retry_delays": [1] * 13}, "Give 1 to 12 delays, not 13"),
        ("retry_delays", {"retry_delays": [0]}, "1 second to 7 days"),
        ("retry_delays", {"retry_delays": [604_801]}, "1 second to 7 days"),
        ("retry_delays", {"retry_delays": [True]}, "whole numbers of seconds"),
        ("retry_delays", {"retry_delays": [1.5]}, "whole numbers of seconds"),
        ("retry_delays", {"retry_delays": "10s"}, "whole numbers of seconds"),
        ("retry_delays", {"retry_schedule": "own"}, "send the delays in seconds"),
        ("retry_delays", {"retry_schedule": "own", "retry_delays": None}, "send the delays in seconds"),
        ("retry_delays", {"retry_schedule": "long", "retry_delays": [1]}, "Delays need the schedule own"),
        ("retry_delays", {"retry_schedule": "own", "retry_delays": [0]}, "1 second to 7 days"),
        ("retry_delays.0", {"retry_schedule": "own", "retry_delays": ["\ud800"]}, "half of a surrogate pair"),
        ("retry_schedule", {"retry_schedule": "mine", "retry_delays": [1]}, "must be default, long or own"),
        ("auth", {"auth": BASIC | {"username": ""}, "retry_schedule": "own", "retry_delays": [1]}, "needs a user name"),
        ("timeout_seconds", {"timeout_seconds": 0}, "from 1 to 30"),
        ("timeout_seconds", {"timeout_seconds": 31}, "from 1 to 30"),
        ("timeout_seconds", {"timeout_seconds": "3"}, "a whole number or null"),
        ("headers", {"headers": [{"name": "X-A", "value": "   "}]}, "X-A needs a value."),
    ],
)
def test_a_wrong_option_has_its_sentence_at_its_field(
    api: Api, field: str, fields: dict[str, Any], sentence: str
) -> None:
    found = errors(api, **fields)
    assert list(found) == [field]
    assert sentence in found[field]


def test_a_schedule_is_compared_with_its_delays_also_if_another_option_is_wrong(api: Api) -> None:
    found = errors(api, headers=[], auth=BASIC | {"username": ""}, retry_schedule="long", retry_delays=[1])
    assert list(found) == ["auth", "retry_delays"]
    assert "Delays need the schedule own" in found["retry_delays"]


def test_a_value_that_json_cannot_hold_is_named_and_read_no_further(api: Api) -> None:
    body = json.dumps(NEW | {"filter": {"conditions": [CONDITION | {"value": 0}]}}).replace(
        '"value": 0', '"value": 1e400'
    )
    answer = api.post("/webhooks", data=body)
    assert answer.status_code == 422
    assert [error["field"] for error in answer.get_json()["errors"]] == ["filter.conditions.0.value"]


def test_values_of_other_types_are_taken_as_typed(api: Api) -> None:
    values = [("equals", 5, "5"), ("equals", True, "true"), ("one_of", [1, "a", None], "1, a, null")]
    for operator, sent, stored in values:
        answer = create(api, filter={"conditions": [{"field": "reason.code", "operator": operator, "value": sent}]})
        assert answer["filter"]["conditions"][0]["value"] == stored
        assert answer["filter"]["match"] == "all"


def test_numbers_keep_their_digits(api: Api) -> None:
    conditions = (
        '[{"field": "total", "operator": "greater", "value": 1.10},'
        ' {"field": "total", "operator": "one_of", "value": [12345678901234567890.12, 1E2]}]'
    )
    extra = '"extra":{"n":1.10,"m":[12345678901234567890.12]}'
    body = json.dumps(NEW)[:-1] + f', "filter": {{"conditions": {conditions}}}, "fields": {{{extra}}}}}'
    answer = api.post("/webhooks", data=body)
    assert answer.status_code == 201
    id = answer.get_json()["id"]
    for text in (answer.text, api.get(f"/webhooks/{id}").text, api.get("/webhooks").text):
        assert extra in text
        assert '"value":"1.10"' in text
        assert '"value":"12345678901234567890.12, 1E2"' in text
    assert api.patch(f"/webhooks/{id}", data=f'{{"fields": {{{extra}}}}}').get_json()["version"] == 1
    event = make_event(data={"total": 100})
    fields = db.session.scalars(db.select(Delivery.fields)).one()
    assert b'"n":1.10,"m":[12345678901234567890.12]' in selected(event.body, fields)


def test_a_filter_without_conditions_is_none(api: Api) -> None:
    assert create(api, filter={"conditions": []})["filter"] is None


def test_a_field_that_no_example_has_is_a_warning(api: Api) -> None:
    answer = create(api, filter={"conditions": [CONDITION | {"field": "reason.kode"}, CONDITION]})
    assert answer["warnings"] == ["No example of the chosen events has the field reason.kode."]


def test_a_format_that_the_service_does_not_read_is_a_warning(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webhooks_ui.forms.webhook.check_url", lambda url, _allowed: url)  # no name is looked up
    warning = "Slack doesn't read the format JSON. Choose the format Slack."
    answer = create(api, url="https://hooks.slack.com/services/T/B/x")
    assert answer["warnings"] == [warning]
    changed = api.patch(f"/webhooks/{answer['id']}", json={"format": "slack"}).get_json()
    assert changed["warnings"] == []
    changed = api.patch(f"/webhooks/{answer['id']}", json={"format": "json"}).get_json()
    assert changed["warnings"] == [warning]


def test_the_delays_come_and_go_with_the_schedule(api: Api) -> None:
    id = create(api, retry_delays=[10])["id"]
    assert api.patch(f"/webhooks/{id}", json={"retry_delays": [20, 30]}).get_json()["retry_schedule"] == "own"
    refused = api.patch(f"/webhooks/{id}", json={"retry_schedule": "own", "retry_delays": None})
    assert refused.status_code == 422
    assert "send the delays" in refused.get_json()["errors"][0]["message"]
    answer = api.patch(f"/webhooks/{id}", json={"retry_delays": None}).get_json()
    assert (answer["retry_schedule"], answer["retry_delays"]) == ("", None)
    assert api.patch(f"/webhooks/{id}", json={"retry_delays": [5]}).get_json()["retry_schedule"] == "own"
    answer = api.patch(f"/webhooks/{id}", json={"retry_schedule": "long"}).get_json()
    assert (answer["retry_schedule"], answer["retry_delays"]) == ("long", None)
    assert api.patch(f"/webhooks/{id}", json={"retry_delays": None}).get_json()["retry_schedule"] == "long"


def test_other_events_must_fit_the_stored_filter(api: Api) -> None:
    conditions = [{"field": "flags.x", "operator": "equals", "value": "1"}]
    id = create(api, events=["license.created"], filter={"conditions": conditions})["id"]
    answer = api.patch(f"/webhooks/{id}", json={"events": ["telemetry.flagged"]})
    assert answer.status_code == 422
    (error,) = answer.get_json()["errors"]
    assert error["field"] == "filter"
    assert error["message"].startswith("flags is a list, and a path can't lead into a list.")
    assert api.patch(f"/webhooks/{id}", json={"events": ["license.created"], "name": "Same"}).status_code == 200
    assert api.patch(f"/webhooks/{id}", json={"events": ["telemetry.flagged"], "filter": None}).status_code == 200


def test_a_filter_counts_for_the_next_event(api: Api) -> None:
    create(api, filter=FILTER)
    assert make_event(data={"reason": {"code": "other"}}).deliveries_count == 0
    assert make_event(data={"reason": {"code": "limit_reached"}}).deliveries_count == 1


NAMES = ("headers", "auth", "filter", "fields", "retry_delays", "retry_schedule", "timeout_seconds", "format")
KEYS = st.sampled_from(
    [*("name", "value", "type", "username", "password", "token", "match", "conditions"), *("mode", "paths", "extra")]
)
CONDITION_LIKE = st.dictionaries(
    st.sampled_from(["field", "operator", "value"]),
    st.one_of(VALUES, st.sampled_from(["a.b", "equals", "greater", "one_of", "exists", "5", MASK, "basic"])),
)
OPTION_LIKE = st.one_of(
    VALUES,
    st.dictionaries(KEYS, st.one_of(VALUES, st.sampled_from(["all", "keep", MASK, "basic"]), st.lists(CONDITION_LIKE))),
    st.lists(st.dictionaries(KEYS, st.one_of(VALUES, st.sampled_from(["X-A", MASK]))), max_size=3),
)


def test_any_options_never_get_a_500(api: Api) -> None:
    id = create(api, **OPTIONS)["id"]

    @settings(max_examples=120, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(st.dictionaries(st.sampled_from(NAMES), OPTION_LIKE))
    @example({"filter": {"conditions": [{"field": "\ud800", "operator": "equals", "value": "\ud800"}]}})
    @example({"filter": {"conditions": [{"field": "a", "operator": "equals", "value": 10**2_000}]}})
    @example({"headers": [{"name": "\ud800", "value": MASK}]})
    @example({"auth": {"type": "basic", "username": "\ud800", "password": "\ud800"}})
    @example({"fields": {"paths": ["\ud800"], "extra": {"\0": "\0"}}})
    @example({"fields": {"extra": {"\0": "\0"}}})
    @example({"retry_delays": [10**900]})
    @example({"timeout_seconds": 10**900})
    def send(body: dict[str, Any]) -> None:
        for answer in (
            api.post("/webhooks", data=json.dumps(NEW | body)),
            api.patch(f"/webhooks/{id}", data=json.dumps(body)),
        ):
            assert answer.status_code in (200, 201, 400, 422), answer.text
        db.session.rollback()
        assert all(
            webhook.retry_delays for webhook in db.session.scalars(db.select(Webhook).filter_by(retry_schedule="own"))
        )

    send()


def test_a_token_is_sent_without_the_spaces_that_were_pasted_with_it(api: Api) -> None:
    create(api, auth={"type": "bearer", "token": "  token-secret "})
    assert sent_headers() == {"Authorization": "Bearer token-secret"}


ELSEWHERE = "https://93.184.215.15/hook"


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"url": ELSEWHERE}, "X-Tenant, the password, token or client secret"),
        ({"url": "https://93.184.215.14:8443/"}, "X-Tenant, the password, token or client secret"),
        ({"url": ELSEWHERE, "headers": [{"name": "X-Tenant", "value": MASK}], "auth": None}, "X-Tenant"),
        ({"url": ELSEWHERE, "headers": []}, "the password, token or client secret"),
        ({"url": ELSEWHERE, "headers": [], "auth": BASIC | {"password": MASK}}, "the password, token or client secret"),
    ],
)
def test_stored_values_are_not_sent_to_another_host(api: Api, change: dict[str, object], named: str) -> None:
    """Who may change a webhook may not read its credentials, and must not find them at an endpoint of their own."""
    id = create(api, headers=HEADERS, auth=BASIC)["id"]
    answer = api.patch(f"/webhooks/{id}", json=change)
    (error,) = answer.get_json()["errors"]
    sentence = f"Type these again, or remove them: {named}. What is stored is sent to 93.184.215.14 only."
    assert (answer.status_code, error["field"], error["message"]) == (422, "url", sentence)
    assert the_webhook().url == NEW["url"]


@pytest.mark.parametrize(
    "change",
    [
        {"url": "https://93.184.215.14/elsewhere?on=it"},
        {"url": ELSEWHERE, "headers": HEADERS, "auth": BASIC},
        {"url": ELSEWHERE, "headers": [], "auth": None},
        {"url": ELSEWHERE, "headers": [], "auth": BEARER},
    ],
)
def test_a_url_changes_with_values_that_are_sent_again_or_on_the_same_host(api: Api, change: dict[str, object]) -> None:
    id = create(api, headers=HEADERS, auth=BASIC)["id"]
    answer = api.patch(f"/webhooks/{id}", json=change)
    assert answer.status_code == 200, answer.text
    assert the_webhook().url == change["url"]


def test_no_way_around_the_api_sends_stored_values_to_another_host(api: Api) -> None:
    create(api, headers=HEADERS)
    with pytest.raises(Conflict, match="X-Tenant"), writing():
        changes.edit(the_webhook(), {"url": ELSEWHERE})
