"""Reads the JSON objects of others: of pages that were sent back, and of endpoints."""

import json
from typing import Any


def find_object(text: str | bytes) -> dict[str, Any] | None:
    """Return the JSON object in ``text``, or ``None`` if there is none."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def parse_object(text: str | bytes) -> dict[str, Any]:
    """Return the JSON object in ``text``, or an empty one if there is none."""
    return find_object(text) or {}
