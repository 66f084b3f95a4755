"""The API lists, shows and retries deliveries, and lists the event types."""

import json
import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.support.factories import make_delivery, make_webhook
from tests.support.log_rows import add_delivery
from tests.webhooks_ui.api.conftest import Api
from webhooks_ui.api.openapi import PATHS
from webhooks_ui.database import db
from webhooks_ui.deliveries import export
from webhooks_ui.deliveries.filters import DeliveryFilters
from webhooks_ui.events.catalogue import BUILT_IN
from webhooks_ui.models import Attempt, AuditEntry, Delivery, OwnEventType, SchemaCheck, utcnow


def ids(response: TestResponse) -> list[int]:
    assert response.status_code == 200, response.text
    return [delivery["id"] for delivery in response.get_json()["data"]]


def test_the_list_shows_only_the_environment_of_the_key_newest_first(api: Api) -> None:
    webhook = make_webhook()
    expected = [make_delivery(webhook).id for _ in range(3)]
    make_delivery(make_webhook(environment="staging"))
    assert ids(api.get("/deliveries")) == expected[::-1]


def test_filters_narrow_the_list(api: Api) -> None:
    webhook = make_webhook()
    failed = make_delivery(webhook, status="failed", response_code=503).id
    make_delivery(webhook, status="delivered", response_code=200)
    other = make_delivery(make_webhook(name="Other", event_types=["product.created"])).id
    assert ids(api.get("/deliveries?status=failed")) == [failed]
    assert ids(api.get("/deliveries?code=5xx")) == [failed]
    assert ids(api.get("/deliveries?category=product")) == [other]
    assert ids(api.get("/deliveries?q=Other")) == [other]
    assert ids(api.get(f"/deliveries?webhook={webhook.id}&status=failed&since=1h&sort=time")) == [failed]


def test_the_cursor_leads_through_all_pages(api: Api) -> None:
    webhook = make_webhook()
    expected = [make_delivery(webhook).id for _ in range(30)]
    first = api.get("/deliveries")
    rest = api.get(f"/deliveries?cursor={first.get_json()['next_cursor']}")
    assert ids(first) + ids(rest) == expected[::-1]
    assert rest.get_json()["next_cursor"] is None


@pytest.mark.parametrize("sort", ["status", "-status", "code", "-code", "-time", "time"])
def test_a_cursor_leads_on_in_its_own_order_alone(api: Api, sort: str) -> None:
    webhook = make_webhook()
    expected = {make_delivery(webhook).id for _ in range(30)}
    first = api.get(f"/deliveries?sort={sort}")
    cursor = first.get_json()["next_cursor"]
    described = next(each for each in PATHS["/api/v1/deliveries"]["get"]["parameters"] if each["name"] == "cursor")
    assert re.search(described["schema"]["pattern"], cursor)
    assert {*ids(first), *ids(api.get(f"/deliveries?sort={sort}&cursor={cursor}"))} == expected
    wrong = api.get(f"/deliveries?sort={'code' if sort != 'code' else 'time'}&cursor={cursor}")
    assert (wrong.status_code, [error["field"] for error in wrong.get_json()["errors"]]) == (422, ["cursor"])


@pytest.mark.parametrize("time", ["2026-11-23T10:00:00Z", "2026-11-23t10:00:00z", "2026-11-23t12:00:00.5%2B02:00"])
def test_a_time_is_read_as_that_of_an_event(api: Api, time: str) -> None:
    delivery = make_delivery().id
    assert ids(api.get(f"/deliveries?since={time}")) == [delivery]
    assert ids(api.get(f"/deliveries?until={time}")) == []


@pytest.mark.parametrize(
    "query",
    [
        "q=%00",
        f"q={'x' * 201}",
        "status=gone",
        "code=7xx",
        "category=x",
        "webhook=x",
        "since=x",
        "until=x",
        "sort=x",
        "cursor=x",
        "stauts=failed",
    ],
)
def test_an_invalid_parameter_gets_422(api: Api, query: str) -> None:
    response = api.get(f"/deliveries?{query}")
    assert response.status_code == 422
    assert [error["field"] for error in response.get_json()["errors"]] == [query.partition("=")[0]]


def test_a_time_range_that_ends_before_it_begins_finds_nothing(api: Api) -> None:
    make_delivery()
    assert ids(api.get("/deliveries?since=1h&until=2026-11-23")) == []


def test_a_delivery_shows_its_body_and_every_attempt(api: Api) -> None:
    delivery = make_delivery()
    attempt = Attempt(
        delivery_id=delivery.id,
        number=1,
        started_at=utcnow(),
        duration_ms=12,
        outcome="bad_status",
        url="https://example.com/webhooks",
        address="93.184.215.14:443",
        kept_headers={"webhook-id": "evt_1"},
        response_code=500,
        response_headers=[["Content-Type", "text/plain"]],
        response_body=b"oh \xff no",
        response_truncated=False,
    )
    db.session.add(attempt)
    db.session.commit()
    shown = api.get(f"/deliveries/{delivery.id}").get_json()
    assert json.loads(shown["body"])["id"] == shown["event_id"]
    (shown_attempt,) = shown["attempts"]
    assert shown_attempt["explanation"].startswith("The endpoint answered 500 Internal Server Error.")
    assert (shown_attempt["response_body"], shown_attempt["response_code"]) == ("oh � no", 500)


def test_a_retry_makes_a_final_delivery_due_again(api: Api) -> None:
    delivery = make_delivery(status="failed", attempts_count=5)
    response = api.post(f"/deliveries/{delivery.id}/retries")
    assert (response.status_code, response.get_json()["status"]) == (202, "retrying")
    db.session.rollback()
    assert db.session.get_one(Delivery, delivery.id).forced
    assert db.session.scalars(db.select(AuditEntry.action)).all() == ["delivery.retried"]


def test_a_retry_has_no_fields(api: Api) -> None:
    path = f"/deliveries/{make_delivery(status='failed').id}/retries"
    for body, fields in (('{"x": 1, "y": 2}', ["x", "y"]), ("[]", [""]), ("null", [""])):
        response = api.post(path, data=body)
        assert response.status_code == 422
        assert [error["field"] for error in response.get_json()["errors"]] == fields
    assert api.post(path, data="{").status_code == 400
    assert api.post(path, json={}).status_code == 202


def test_a_retry_while_an_attempt_is_under_way_gets_409(api: Api) -> None:
    delivery = make_delivery(lease_token="x", due_at=utcnow() + timedelta(seconds=7))
    assert api.post(f"/deliveries/{delivery.id}/retries").status_code == 409


def test_a_retry_for_a_webhook_that_was_moved_to_another_environment_gets_409(api: Api) -> None:
    delivery = make_delivery(status="failed")
    delivery.webhook.environment = "staging"
    db.session.commit()
    answer = api.post(f"/deliveries/{delivery.id}/retries")
    assert answer.status_code == 409
    assert answer.get_json()["detail"] == "Not retried: its webhook gets events of another environment now."


def test_a_delivery_of_another_environment_gets_404(api: Api) -> None:
    delivery_id = make_delivery(make_webhook(environment="staging"), status="failed").id
    assert api.get(f"/deliveries/{delivery_id}").status_code == 404
    assert api.post(f"/deliveries/{delivery_id}/retries").status_code == 404
    assert db.session.get_one(Delivery, delivery_id).status == "failed"


def test_the_catalogue_has_all_types_with_examples(api: Api) -> None:
    answer = api.get("/event-types").get_json()
    assert [type["name"] for type in answer["data"]] == list(BUILT_IN)
    assert set(answer["data"][0]["example"]) <= set(answer["fields"]["license"])
    assert {(type["schema"], type["check"]) for type in answer["data"]} == {(None, "off")}


def test_an_own_type_tells_the_schema_that_its_data_must_fit(api: Api) -> None:
    schema = '{"properties": {"total": {"multipleOf": 0.010, "maximum": 12345678901234567890.12}}}'
    fields = {"name": "invoice.paid", "description": "Paid.", "example": {}}
    db.session.add(OwnEventType(**fields, schema=schema, check=SchemaCheck.REFUSE))
    db.session.commit()
    answer = api.get("/event-types")
    (own,) = [type for type in answer.get_json()["data"] if type["name"] == "invoice.paid"]
    assert (own["schema"], own["check"]) == (json.loads(schema), "refuse")
    assert '"multipleOf":0.010,"maximum":12345678901234567890.12' in answer.text


@pytest.mark.parametrize(
    ("webhook", "delivery", "seconds"),
    [
        ({}, {}, 60),
        ({"throttled_until": 90}, {}, 90),
        ({"throttled_until": 30}, {}, 60),
        ({"breaker_opened_at": -60, "probe_at": 120}, {}, 120),
        ({"breaker_opened_at": -60, "probe_at": 120, "throttled_until": 150}, {"forced": True}, 60),
        ({"active": False}, {}, None),
        ({"active": False}, {"forced": True}, 60),
        ({}, {"lease_token": "a" * 32}, None),
        ({}, {"status": "delivered", "due_at": None}, None),
    ],
)
def test_the_next_attempt_waits_for_what_holds_its_webhook(
    api: Api, app: Flask, webhook: dict[str, Any], delivery: dict[str, Any], seconds: int | None
) -> None:
    now = utcnow()
    times = {name: now + timedelta(seconds=value) for name, value in webhook.items() if name != "active"}
    hook = make_webhook(**{"active": webhook.get("active", True)} | times)
    row = add_delivery(hook, **{"due_at": now + timedelta(seconds=60)} | delivery)
    expected = now + timedelta(seconds=seconds) if seconds else None
    told = api.get(f"/deliveries/{row.id}").get_json()["next_attempt_at"]
    assert (told and datetime.fromisoformat(told)) == expected
    assert api.get("/deliveries").get_json()["data"][0]["next_attempt_at"] == told
    exported = json.loads("".join(export.json_lines(DeliveryFilters())))[0]["next_attempt_at"]
    assert (exported and datetime.fromisoformat(exported)) == expected
