"""GET /api/v1/event-types: the catalogue."""

from flask import Response, jsonify

from webhooks_ui.events.types import EVENT_TYPES, FIELDS


def index() -> Response:
    """Return all event types with examples, and descriptions of the fields in each category."""
    types = [
        {"name": type.name, "category": type.category, "description": type.description, "example": type.example}
        for type in EVENT_TYPES.values()
    ]
    return jsonify(data=types, fields={category: dict(fields) for category, fields in FIELDS.items()})
