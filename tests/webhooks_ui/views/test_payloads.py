"""The payload of an event type: headers, body and JSON Schema."""

import json

import jsonschema
import pytest
from flask.testing import FlaskClient

from tests.browser.page_rows import INVOICE_PAID
from tests.support.http import HTMX
from webhooks_ui.database import db
from webhooks_ui.events import catalogue
from webhooks_ui.events.types import EVENT_TYPES
from webhooks_ui.models import OwnEventType


def schema_of(admin: FlaskClient, name: str) -> dict[str, object]:
    answer = admin.get(f"/admin/event-types/{name}/schema.json")
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{name}.schema.json"'
    found: dict[str, object] = json.loads(answer.text)
    jsonschema.Draft202012Validator.check_schema(found)
    return found


def event(name: str, data: object) -> dict[str, object]:
    head = {"id": "evt_1", "type": name, "environment": "staging", "timestamp": "2026-11-23T10:00:00Z"}
    return head | {"data": data}


@pytest.mark.parametrize("name", EVENT_TYPES)
def test_the_example_of_each_type_fits_its_schema_and_an_event_of_another_type_does_not(
    admin: FlaskClient, name: str
) -> None:
    check = jsonschema.Draft202012Validator(schema_of(admin, name))
    example = EVENT_TYPES[name].example
    assert check.is_valid(event(name, example))
    assert check.is_valid(event(name, example) | {"test": True})
    assert not check.is_valid(event("other.type", example))
    assert not check.is_valid(event(name, [example]))
    assert not check.is_valid({"id": "evt_1"})


def test_a_type_with_a_schema_of_its_own_keeps_it(admin: FlaskClient) -> None:
    db.session.add(OwnEventType(**INVOICE_PAID))
    db.session.commit()
    catalogue.forget()
    check = jsonschema.Draft202012Validator(schema_of(admin, "invoice.paid"))
    assert check.is_valid(event("invoice.paid", {"number": "A-1"}))
    assert not check.is_valid(event("invoice.paid", {}))
    catalogue.forget()


def test_the_page_shows_the_request_of_the_environment_that_one_looks_at(admin: FlaskClient) -> None:
    page = admin.get("/admin/event-types/license.created/payload?environment=staging", headers=HTMX).text
    for text in ("X-Webhook-Environment: staging", "webhook-signature: v1,…", "&#34;license_key&#34;"):
        assert text in page, text
    assert "<html" not in page
    assert "<html" in admin.get("/admin/event-types/license.created/payload").text


@pytest.mark.parametrize("what", ["payload", "schema.json"])
def test_an_unknown_type_has_none(admin: FlaskClient, what: str) -> None:
    assert admin.get(f"/admin/event-types/nothing.here/{what}").status_code == 404
