"""GET /api/v1/event-types: the catalogue."""

from typing import Any

from flask import Response

from webhooks_ui.api.answer import literal_json
from webhooks_ui.events import catalogue, strict_json
from webhooks_ui.events.types import EventType


def index() -> Response:
    """Return all event types with examples and schemas, and descriptions of the fields in each category."""
    types = [_as_json(type) for type in catalogue.all_types().values()]
    return literal_json({"data": types, "fields": catalogue.FIELDS})


def _as_json(type: EventType) -> dict[str, Any]:
    return {
        "name": type.name,
        "category": type.category,
        "description": type.description,
        "example": type.example,
        "schema": strict_json.load_raw(type.schema.encode()).value if type.schema else None,
        "check": type.check,
    }
