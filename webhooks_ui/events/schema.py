"""Checks data against the JSON Schema of its event type (draft 2020-12). No schema is fetched from elsewhere."""

import json
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from webhooks_ui.events import strict_json

SCHEMA_MAX_BYTES = 64 * 1024
VIOLATIONS_MAX = 10


def wrong_schema(text: str) -> str:
    """Return what is wrong with a schema, as a sentence, or an empty text."""
    # Imported here, because only those who have schemas need it
    from jsonschema.exceptions import SchemaError
    from jsonschema.validators import Draft202012Validator

    if len(text.encode("utf-8", "replace")) > SCHEMA_MAX_BYTES:
        return f"The schema is too large. Use up to {SCHEMA_MAX_BYTES:,} bytes."
    try:
        schema = strict_json.loads(text.encode("utf-8", "replace"))
    except strict_json.BrokenJson as error:
        return str(error).replace("The body", "The schema", 1)
    if not isinstance(schema, dict):
        return "The schema is a JSON object."
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        return (
            f"The schema is wrong at {_path(error.absolute_path) or 'its top'}: {strict_json.shortened(error.message)}."
        )
    for reference in _references(schema):
        if not isinstance(reference, str) or not reference.startswith("#"):
            return f"The schema refers to {str(reference)[:100]!r}. Only references within it, like #/$defs/name, work."
    return ""


def violations(schema: str, data: Any) -> list[tuple[str, str]]:
    """Return the path and a sentence for each place where ``data`` doesn't fit, up to ten.

    Args:
        schema: one in which ``wrong_schema`` finds nothing.
        data: as ``strict_json`` reads it with numbers as ``Number``.
    """
    from referencing.exceptions import Unresolvable

    try:
        errors = sorted(_validator(schema).iter_errors(_plain(data)), key=lambda error: list(map(str, error.path)))
    except Unresolvable as error:
        return [("", f"The schema of the type can't be used: {strict_json.shortened(str(error))}")]
    return [
        (_path(error.absolute_path), f"{strict_json.shortened(error.message)}.") for error in errors[:VIOLATIONS_MAX]
    ]


@lru_cache(maxsize=256)
def _validator(schema: str) -> Any:
    from jsonschema.validators import Draft202012Validator
    from referencing import Registry

    return Draft202012Validator(json.loads(schema), registry=Registry())


def _references(schema: Any) -> Iterator[Any]:
    if isinstance(schema, dict):
        for name, value in schema.items():
            if name in ("$ref", "$dynamicRef"):
                yield value
            yield from _references(value)
    elif isinstance(schema, list):
        for item in schema:
            yield from _references(item)


def _plain(value: Any) -> Any:
    if isinstance(value, strict_json.Number):
        return json.loads(value.literal)
    if isinstance(value, dict):
        return {name: _plain(child) for name, child in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value


def _path(parts: Any) -> str:
    return ".".join(map(str, parts))
