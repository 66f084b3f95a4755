"""GET /api/v1/event-types: the catalogue."""

from flask import Response, jsonify

from webhooks_ui.events.types import EVENT_TYPES, FIELDS


def index() -> Response:
    """All event types with their examples, and what the fields of each category mean."""
    types = [
        {"name": type.name, "category": type.category, "description": type.description, "example": type.example}
        for type in EVENT_TYPES.values()
    ]
    return jsonify(data=types, fields={category: dict(fields) for category, fields in FIELDS.items()})
