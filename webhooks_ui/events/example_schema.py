"""The JSON Schema of a whole event, as an endpoint gets it, to generate code from and to check test data with."""

import json
import re
from collections.abc import Mapping
from typing import Any

from webhooks_ui.events.schema import DIALECT
from webhooks_ui.events.strict_json import Number
from webhooks_ui.events.types import EventType
from webhooks_ui.models import Environment

_TIME = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z")
_PLACE = "#/properties/data"  # where the schema of data stands
_OF_SCHEMAS = ("properties", "$defs", "definitions", "dependentSchemas")  # their keys are names, and no keywords
_OF_VALUES = ("const", "enum", "default", "examples")  # what is in them is no schema
_ENVELOPE = ["id", "type", "environment", "timestamp", "data"]


def schema_of(type: EventType, descriptions: Mapping[str, str]) -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of an event of this type.

    The schema of ``data`` is the one that a super admin gave the type, else what its example shows. Fields of an
    example may be null in other events, and there may be more of them.

    Args:
        descriptions: what fields of data mean, by name.
    """
    data = _moved(json.loads(type.schema)) if type.schema else _shape(type.example, descriptions)
    return {
        "$schema": DIALECT,
        "title": type.name,
        "description": type.description,
        "type": "object",
        "required": _ENVELOPE,
        "properties": {
            "id": {"type": "string", "description": "The id of the event. It is the same in each attempt."},
            "type": {"const": type.name},
            "environment": {"enum": list(Environment)},
            "timestamp": {"type": "string", "format": "date-time", "description": "When it happened, in UTC."},
            "test": {"const": True, "description": "Only a test event has it."},
            "data": data,
        },
    }


def _moved(schema: Any) -> Any:
    """Return the schema of data so that it holds where it stands: its references begin at the top of the whole."""
    if isinstance(schema, list):
        return [_moved(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    moved: dict[str, Any] = {}
    for name, value in schema.items():
        if name == "$ref" and isinstance(value, str) and (value == "#" or value.startswith("#/")):
            moved[name] = _PLACE + value.removeprefix("#")
        elif name in _OF_SCHEMAS and isinstance(value, dict):
            moved[name] = {key: _moved(child) for key, child in value.items()}
        elif name != "$schema":
            moved[name] = value if name in _OF_VALUES else _moved(value)
    return moved


def _shape(value: Any, descriptions: Mapping[str, str]) -> dict[str, Any]:
    """Return a schema that fits ``value``, and values of the same kind."""
    if isinstance(value, dict):
        return {"type": "object", "properties": {name: _field(name, of, descriptions) for name, of in value.items()}}
    if isinstance(value, list):
        shapes = [_shape(item, descriptions) for item in value]
        alike = shapes and all(shape == shapes[0] for shape in shapes)
        return {"type": "array", "items": shapes[0]} if alike else {"type": "array"}
    if isinstance(value, str) and _TIME.fullmatch(value):
        return {"type": ["string", "null"], "format": "date-time"}
    if isinstance(value, Number):
        return {"type": ["integer" if value.literal.removeprefix("-").isdigit() else "number", "null"]}
    for kind, name in ((bool, "boolean"), (int, "integer"), (float, "number"), (str, "string")):
        if isinstance(value, kind):
            return {"type": [name, "null"]}
    return {}


def _field(name: str, value: Any, descriptions: Mapping[str, str]) -> dict[str, Any]:
    shape = _shape(value, descriptions)
    if isinstance(value, dict):
        shape["type"] = ["object", "null"]
    return shape | ({"description": descriptions[name]} if name in descriptions else {})
