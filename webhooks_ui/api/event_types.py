"""GET /api/v1/event-types: the catalogue."""

from flask import Response, jsonify

from webhooks_ui.events import catalogue
from webhooks_ui.events.operational import CATEGORY
from webhooks_ui.events.operational import FIELDS as OPERATIONAL_FIELDS
from webhooks_ui.events.types import FIELDS


def index() -> Response:
    """Return all event types with examples, and descriptions of the fields in each category."""
    types = [
        {"name": type.name, "category": type.category, "description": type.description, "example": type.example}
        for type in catalogue.all_types().values()
    ]
    fields = {category: dict(fields) for category, fields in FIELDS.items()} | {CATEGORY: dict(OPERATIONAL_FIELDS)}
    return jsonify(data=types, fields=fields)
