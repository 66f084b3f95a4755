"""The JSON Schema of a whole event fits the events of its type, and no others."""

import json
from typing import Any

import pytest
from jsonschema.validators import Draft202012Validator

from webhooks_ui.events.example_schema import schema_of
from webhooks_ui.events.types import EVENT_TYPES, EventType

AMOUNT = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": {
        "total": {"$ref": "#/$defs/amount"},
        "parts": {"type": "array", "items": {"$ref": "#"}},
        "note": {"$ref": "#note"},
        "default": {"$ref": "#/properties/total"},
        "$schema": {"type": "string"},
        "kind": {"const": {"$ref": "#/$defs/amount"}},
    },
    "$defs": {"amount": {"type": "number", "minimum": 0}, "note": {"$anchor": "note", "type": "string"}},
}


def fits(schema: dict[str, Any], data: object) -> bool:
    event = {"id": "evt_1", "type": schema["title"], "environment": "production", "data": data}
    Draft202012Validator.check_schema(schema)
    event["timestamp"] = "2026-11-23T10:00:00.000000Z"
    return bool(Draft202012Validator(schema).is_valid(event))


@pytest.mark.parametrize("name", list(EVENT_TYPES))
def test_the_schema_of_a_type_of_the_portal_fits_its_example(name: str) -> None:
    assert fits(schema_of(EVENT_TYPES[name], {}), EVENT_TYPES[name].example)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"total": 5, "parts": [{"total": 2, "parts": []}], "note": "x", "default": 0, "$schema": "x"}, True),
        ({"kind": {"$ref": "#/$defs/amount"}}, True),
        ({"total": -5}, False),
        ({"parts": [{"total": "2"}]}, False),
        ({"note": 5}, False),
        ({"default": -1}, False),
        ({"$schema": 5}, False),
        ({"kind": {"$ref": "#/properties/data/$defs/amount"}}, False),
    ],
)
def test_references_in_the_schema_of_an_own_type_hold_in_that_of_its_events(data: object, expected: bool) -> None:
    type = EventType("shop.order", "shop", "An order.", {}, json.dumps(AMOUNT), "off", is_own=True)
    assert fits(schema_of(type, {}), data) is expected
