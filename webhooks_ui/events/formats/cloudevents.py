"""CloudEvents 1.0 in the structured mode of its JSON format: one object, in which ``data`` is as it was published.

Source: CloudEvents, "CloudEvents - Version 1.0.2", "JSON Event Format for CloudEvents" and "HTTP Protocol Binding".
"""

from typing import Any

from webhooks_ui.events import strict_json
from webhooks_ui.events.formats.outgoing import Outgoing
from webhooks_ui.events.formats.text import one_line

CONTENT_TYPE = "application/cloudevents+json"
SUBJECT_MAX_CHARACTERS = 200


def render(event: Outgoing) -> bytes:
    members = strict_json.load_members(event.body)
    attributes: dict[str, Any] = {
        "specversion": "1.0",
        "id": event.id,
        "source": f"/keymanager/{event.environment}",  # with the id it is unique, because ids are in an environment
        "type": event.type,
        "time": members["timestamp"].value,
        "datacontenttype": "application/json",
        "environment": event.environment,
    }
    if subject := _subject(members["data"].value):
        attributes["subject"] = subject
    if event.is_test:
        attributes["test"] = True
    return f'{strict_json.render(attributes)[:-1]},"data":{members["data"].text}}}'.encode()


def _subject(data: dict[str, Any]) -> str:
    """Return the id of what the event is about, or an empty text if it has none that an attribute may hold."""
    id = data.get("id")
    return id if isinstance(id, str) and len(id) <= SUBJECT_MAX_CHARACTERS and one_line(id) == id else ""
