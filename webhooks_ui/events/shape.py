"""The shape of a delivery: the format and the fields of data that its webhook wanted when the event was published.

It stays with the delivery, so that all attempts send the same bytes although the webhook may be edited meanwhile.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from webhooks_ui.events import strict_json
from webhooks_ui.events.selection import Selection

PLAIN_FORMAT = "json"


@dataclass(frozen=True, slots=True)
class Shape:
    """``Shape()`` is the event to the letter as it was published."""

    format: str = PLAIN_FORMAT
    selection: Selection | None = None

    @classmethod
    def parse(cls, stored: str | None) -> "Shape":
        """Return the shape that ``shape_text`` wrote. ``None`` is the plain one."""
        return _parsed(stored) if stored else PLAIN

    def selected(self, body: bytes) -> bytes:
        """Return the body of an event with the fields of data that the webhook wants. Numbers keep their literals."""
        if self.selection is None:
            return body
        members = strict_json.load_members(body)
        data = strict_json.render_literally(self.selection.of(members["data"].value))
        texts = {name: member.text for name, member in members.items()} | {"data": data}
        return ("{" + ",".join(f"{strict_json.render(name)}:{text}" for name, text in texts.items()) + "}").encode()


PLAIN = Shape()


def shape_text(format: str, fields: Mapping[str, Any] | None) -> str | None:
    """Return the shape as ``Delivery.shape`` holds it: ``None`` for the plain one.

    Args:
        fields: as ``Webhook.fields`` holds them.
    """
    if format == PLAIN_FORMAT and not fields:
        return None
    return json.dumps({"format": format, "fields": fields} if fields else {"format": format}, ensure_ascii=False)


@lru_cache(maxsize=1_024)
def _parsed(stored: str) -> Shape:
    value = json.loads(stored)
    return Shape(value["format"], Selection.parse(value.get("fields")))
