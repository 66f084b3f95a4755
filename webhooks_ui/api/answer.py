"""Answers in JSON in which the numbers that others wrote keep their digits."""

from typing import Any

from flask import Response

from webhooks_ui.events import strict_json


def literal_json(value: Any) -> Response:
    """Return an answer with this value. Each ``strict_json.Number`` in it is written as it came."""
    return Response(strict_json.render_literally(value) + "\n", mimetype="application/json")
