"""The API does what its description (OpenAPI) says."""

import json
import re
import socket
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import pytest
import schemathesis
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from jsonschema import Draft202012Validator
from schemathesis import GenerationMode
from schemathesis.checks import positive_data_acceptance
from schemathesis.specs.openapi.schemas import OpenApiSchema

from config import ROOT
from tests.support.factories import make_api_key, make_delivery, make_webhook
from webhooks_ui.api.openapi import PATHS
from webhooks_ui.database import db
from webhooks_ui.models import OwnEventType

if TYPE_CHECKING:
    from schemathesis.specs.openapi.schemas import OpenApiCase


@pytest.fixture
def description(app: Flask, monkeypatch: pytest.MonkeyPatch) -> OpenApiSchema:
    """The description that the app serves. The database has one webhook and one delivery."""
    make_delivery(make_webhook())
    return schemathesis.openapi.from_wsgi("/api/v1/openapi.json", app)


OPERATIONS = [(method, path) for path, item in PATHS.items() for method in item if method != "parameters"]


SETTINGS = settings(
    max_examples=15, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize(("method", "path"), [operation for operation in OPERATIONS if "openapi" not in operation[1]])
def test_the_api_keeps_to_its_description(
    description: OpenApiSchema, method: str, path: str, mode: GenerationMode
) -> None:
    # A schema can't say which addresses are public, nor which environment a key is for.
    excluded = [positive_data_acceptance] if path.startswith("/api/v1/webhooks") else []
    key = make_api_key()[1]

    @SETTINGS
    @given(case=description[path][method].as_strategy(generation_mode=mode))
    def check(case: "OpenApiCase") -> None:
        if mode is GenerationMode.POSITIVE and path == "/api/v1/deliveries":
            case.query.pop("cursor", None)  # a schema can't say that a cursor belongs to a sort
            if not any(map(str.isprintable, str(case.query.get("q", "any")))):
                del case.query["q"]  # nor which characters can be read
        case.call_and_validate(
            headers={"Authorization": f"Bearer {key}", "Accept-Encoding": "identity"}, excluded_checks=excluded
        )

    with patch.object(socket, "getaddrinfo", side_effect=socket.gaierror):  # generated hosts must not be looked up
        check()


NEW = {"name": "Some", "url": "http://127.0.0.1:9999/", "events": ["license.activated"]}
COMMAND = re.compile(r"""curl (?:-X (\w+) )?\$API(/\S+) [^'\n]*(?:\n  )?-d '([^']+)'""")
BODIES = [
    (method or "POST", path.replace("/1", "/{webhook_id}"), json.loads(body))
    for method, path, body in COMMAND.findall((ROOT / "docs/api.md").read_text())
    if "license.stolen" not in body  # which shows an error
]


def test_the_bodies_in_the_document_are_as_described(app: Flask) -> None:
    document = app.test_client().get("/api/v1/openapi.json").get_json()
    for method, path, body in BODIES:
        assert wrong(document, method, path, body) == [], (path, body)
    assert len(BODIES) == 6


@pytest.mark.parametrize("value", [1.10, True, None, "a, b", ["a", "b"], [1, None, False]])
def test_a_condition_may_have_each_value_that_is_described(app: Flask, value: object) -> None:
    condition = {"field": "license_key", "operator": "one_of", "value": value}
    body: dict[str, Any] = {"name": "Some", "url": "http://127.0.0.1:9999/", "events": ["license.activated"]}
    body["filter"] = {"conditions": [condition]}
    document = app.test_client().get("/api/v1/openapi.json").get_json()
    assert wrong(document, "POST", "/webhooks", body) == []
    headers = {"Authorization": f"Bearer {make_api_key()[1]}"}
    assert app.test_client().post("/api/v1/webhooks", json=body, headers=headers).status_code == 201


def wrong(document: dict[str, Any], method: str, path: str, body: object) -> list[str]:
    """Return what the description says is wrong with a body."""
    schema = document["paths"][f"/api/v1{path}"][method.lower()]["requestBody"]["content"]["application/json"]["schema"]
    validator = Draft202012Validator(schema | {"components": document["components"]})
    return [error.message for error in validator.iter_errors(body)]


def test_a_description_from_before_a_type_was_added_fits_answers_with_it(app: Flask) -> None:
    client = app.test_client()
    before = client.get("/api/v1/openapi.json").get_json()
    db.session.add(OwnEventType(name="invoice.paid", description="Paid.", example={}))
    db.session.commit()
    make_delivery(make_webhook(event_types=["invoice.paid"]))
    headers = {"Authorization": f"Bearer {make_api_key()[1]}"}
    for path in ("/api/v1/event-types", "/api/v1/webhooks", "/api/v1/deliveries"):
        answer = client.get(path, headers=headers)
        assert "invoice.paid" in answer.text
        schema = before["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        Draft202012Validator(schema | {"components": before["components"]}).validate(answer.get_json())


def test_each_object_says_which_properties_it_may_have(app: Flask) -> None:
    """openapi-typescript makes an object that can hold nothing of one that doesn't, such as the data of an event."""
    objects = [part for part in parts(app) if part.get("type") in ("object", ["object", "null"])]
    assert len(objects) > 40
    assert [schema for schema in objects if not schema.keys() & {"properties", "additionalProperties"}] == []


def test_each_field_and_parameter_is_described(app: Flask) -> None:
    fields = [
        field for part in parts(app) if part.get("type") == "object" for field in part.get("properties", {}).items()
    ]
    parameters = [(part["name"], part) for part in parts(app) if part.get("in") in ("query", "path")]
    assert len(fields) > 150
    assert len(parameters) > 15
    assert [name for name, schema in fields + parameters if not schema.keys() & {"description", "$ref"}] == []
    assert [name for name, schema in parameters if not schema["description"]] == []


def test_what_the_web_server_answers_by_itself_is_described(app: Flask) -> None:
    described = [part["responses"] for part in parts(app) if "responses" in part]
    assert len(described) == len(OPERATIONS)
    assert all(set(answers) >= {"408", "414", "431", "500"} for answers in described)


def test_ids_have_64_bits(app: Flask) -> None:
    """Clients for Go and Java read other integers with 32 bits. Those for Go don't compile with a larger maximum."""
    parameters = [part for part in parts(app) if part.get("maximum", 0) >= 2**31]
    names = ("id", "webhook_id", "delivery_id")
    fields = [part[name] for part in parts(app) for name in names if isinstance(part.get(name), dict)]
    numbers = [schema for schema in parameters + fields if schema["type"] == "integer"]
    assert len(numbers) > 10
    assert {schema.get("format") for schema in numbers} == {"int64"}


def test_no_schema_is_called_as_the_function_that_makes_another_one_in_go(app: Flask) -> None:
    """openapi-generator writes ``NewWebhook`` for a schema ``Webhook``."""
    names = app.test_client().get("/api/v1/openapi.json").get_json()["components"]["schemas"].keys()
    assert {f"New{name}" for name in names} & names == set()


def parts(app: Flask) -> Iterator[dict[str, Any]]:
    """Yield every object in the description."""
    rest = [app.test_client().get("/api/v1/openapi.json").get_json()]
    while rest:
        part = rest.pop()
        if isinstance(part, dict):
            yield part
        rest += part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()


def test_every_address_of_the_api_is_described(app: Flask) -> None:
    rules = {
        (method, re.sub(r"<(?:int:)?(\w+)>", r"{\1}", rule.rule))
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/api/")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    described = {(method.upper(), path) for method, path in OPERATIONS}
    assert rules == described


def test_each_operation_has_an_id_of_its_own(app: Flask) -> None:
    paths = app.test_client().get("/api/v1/openapi.json").get_json()["paths"]
    ids = [paths[path][method].get("operationId", "") for method, path in OPERATIONS]
    assert all(re.fullmatch(r"(get|post|patch|delete)_[a-z_]+", id) for id in ids), ids
    assert len(set(ids)) == len(ids)


SENT: dict[str, Callable[[FlaskClient], Any]] = {
    "GET /webhooks": lambda client: client.get("/api/v1/webhooks"),
    "GET /webhooks 422": lambda client: client.get("/api/v1/webhooks?limit=x"),
    "POST /webhooks": lambda client: client.post("/api/v1/webhooks", json=NEW),
    "POST /webhooks 400": lambda client: client.post("/api/v1/webhooks", data="{"),
    "POST /events": lambda client: client.post("/api/v1/events", json={"type": "license.created", "data": {}}),
    "GET /webhooks/{webhook_id}": lambda client: client.get("/api/v1/webhooks/1"),
    "DELETE /webhooks/{webhook_id} 404": lambda client: client.delete("/api/v1/webhooks/9"),
    "POST /webhooks/{webhook_id}/test": lambda client: client.post("/api/v1/webhooks/1/test"),
    "POST /deliveries/{delivery_id}/retries": lambda client: client.post("/api/v1/deliveries/1/retries"),
    "GET /openapi.json": lambda client: client.get("/api/v1/openapi.json"),
    "GET /event-types 401": lambda client: client.get("/api/v1/event-types", headers={"Authorization": "Bearer no"}),
    "GET /event-types 429": lambda client: [client.get("/api/v1/event-types") for _ in range(3)][-1],
}
OURS = re.compile(r"X-.*|Location|Retry-After|WWW-Authenticate", re.IGNORECASE)
OF_PAGES = {"X-Content-Type-Options", "X-Frame-Options"}


@pytest.mark.parametrize("name", SENT)
def test_each_header_that_is_sent_is_described(app: Flask, name: str) -> None:
    make_delivery(make_webhook())
    key = make_api_key(rate_per_minute=2)[1]
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {key}"
    answer = SENT[name](client)
    method, path, *_ = name.split()
    document = app.test_client().get("/api/v1/openapi.json").get_json()
    described = document["paths"][f"/api/v1{path}"][method.lower()]["responses"][str(answer.status_code)]["headers"]
    assert set(described) == {name for name, _ in answer.headers if OURS.fullmatch(name)} - OF_PAGES
    known = document["components"]["headers"]
    assert all(header["$ref"].rpartition("/")[2] in known for header in described.values() if "$ref" in header)


def test_the_description_needs_no_key(app: Flask) -> None:
    assert app.test_client().get("/api/v1/openapi.json").get_json()["openapi"] == "3.1.0"
