"""What the schemas of the API's description are made of."""

from collections.abc import Iterable
from typing import Any

from webhooks_ui.models import Environment

Schema = dict[str, Any]

STRING: Schema = {"type": "string"}
INTEGER: Schema = {"type": "integer"}
ID: Schema = {"type": "integer", "format": "int64"}  # generators of clients give other integers 32 bits
BOOLEAN: Schema = {"type": "boolean"}
# Generators of clients take an object without properties for an empty one, unless it says that it has others.
ANY_OBJECT: Schema = {"type": "object", "additionalProperties": True}
TIME: Schema = {"type": "string", "format": "date-time"}
MAYBE_STRING: Schema = {"type": ["string", "null"]}
MAYBE_INTEGER: Schema = {"type": ["integer", "null"]}
MAYBE_TIME: Schema = {"type": ["string", "null"], "format": "date-time"}


def told(schema: Schema, description: str) -> Schema:
    """Return a schema with a description."""
    return schema | {"description": description}


def choice(values: Iterable[str], description: str) -> Schema:
    """Return the schema of a string that is one of ``values``."""
    return {"type": "string", "enum": list(values), "description": description}


def ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


# openapi.document lists the names. It is for requests only, because types come and go: a client that was generated
# before there was a type must read answers with it.
EVENT_TYPE = ref("EventType")
KEYS_ENVIRONMENT = choice(Environment, "The environment of the key.")


def array(items: Schema, **more: Any) -> Schema:
    return {"type": "array", "items": items, **more}


def closed(properties: Schema, required: list[str] | None = None, **more: Any) -> Schema:
    """Return the schema of an object with these properties and no others.

    Args:
        required: The required properties. The default is all of them.
    """
    names = list(properties) if required is None else required
    return {"type": "object", "properties": properties, "required": names, "additionalProperties": False, **more}


def or_null(*schemas: Schema, description: str) -> Schema:
    """Return the schema of a value that is null or fits one of ``schemas``."""
    return {"oneOf": [{"type": "null"}, *schemas], "description": description}


def page(items: Schema) -> Schema:
    cursor = told(MAYBE_STRING, "The cursor of the next page, or null on the last page.")
    return closed({"data": array(items, description="The items of this page."), "next_cursor": cursor})
