"""Reads the JSON objects of others: of pages that were sent back, and of endpoints."""

import json
from typing import Any


def parse_object(text: str | bytes) -> dict[str, Any]:
    """Return the JSON object in ``text``, or an empty one if there is none."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
