"""The filters that audit entries hold, in the words of the log. Webhooks have their names instead of numbers."""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import select

from webhooks_ui.database import db
from webhooks_ui.models import AuditEntry, Webhook
from webhooks_ui.models.visible import words
from webhooks_ui.parsing import parse_id

_OBJECTS = ("bulk_action", "saved_filter")
_NUMBERS = ("webhook", "webhook_id")  # the fields with the number of a webhook
_CHOICES = ("status", "category", "environment", "health")  # the fields whose values have underscores


def webhook_names(entries: Iterable[AuditEntry]) -> dict[int, str]:
    """Return the names of the webhooks that filters in ``entries`` mean, by their numbers, also of deleted ones."""
    ids = {id for entry in entries if _holds_filters(entry) for id in _numbers(entry)}
    return dict(db.session.execute(select(Webhook.id, Webhook.name).where(Webhook.id.in_(ids))).all()) if ids else {}


def filters_in_words(entry: AuditEntry, fields: Mapping[str, Any], names: Mapping[int, str]) -> dict[str, Any]:
    """Return ``fields`` of an entry as people read them.

    Args:
        names: of webhooks, by their numbers.
    """
    if not _holds_filters(entry):
        return dict(fields)
    return {name: _in_words(name, value, names) for name, value in fields.items()}


def _holds_filters(entry: AuditEntry) -> bool:
    return entry.object_type in _OBJECTS or entry.action == "delivery.exported"


def _numbers(entry: AuditEntry) -> set[int]:
    values = [fields.get(name) for fields in (entry.before or {}, entry.after or {}) for name in _NUMBERS]
    return {id for value in values if (id := parse_id(str(value))) is not None}


def _in_words(name: str, value: Any, names: Mapping[int, str]) -> Any:
    if name in _NUMBERS:
        id = parse_id(str(value))
        return names.get(id or 0, f"number {value}")
    if name in _CHOICES and isinstance(value, str):
        return words(value)
    return value
