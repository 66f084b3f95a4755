"""Keys: the values in an event's data by which people look for it. They are stored while it is published.

Publishers wait for this, so it makes few objects.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from webhooks_ui.database import dialect
from webhooks_ui.models.event_key import KEY_MAX_CHARACTERS, EventKey

KEYS_MAX = 16  # of one event
DEPTH_MAX = 3
OF_ANY_OBJECT = frozenset(
    ("license_key", "email", "identifier", "activation_identifier", "license_id", "product_id", "contract_id")
)
OBJECTS_WITH_ID = frozenset(("", "license", "product", "contract"))  # "": the data itself
PREVIOUS = "previous"  # the old values of an updated event stand in it as in the data
_COLUMNS = ("value", "event_id")


def keys_of(data: Mapping[str, Any]) -> set[str]:
    """Return the keys in the data of an event: license keys, email addresses, identifiers and ids, in small letters.

    Only texts count, and only the first ``KEYS_MAX``, those that stand further out before others. A longer text is cut,
    so that its beginning finds it.
    """
    keys: dict[str, None] = {}
    objects = [("", data)]
    for _ in range(DEPTH_MAX):
        inner: list[tuple[str, Mapping[str, Any]]] = []
        for name, values in objects:
            for field, value in values.items():
                if isinstance(value, str):
                    if field in OF_ANY_OBJECT or (field == "id" and name in OBJECTS_WITH_ID):
                        keys[as_key(value)] = None
                elif isinstance(value, dict):
                    inner.append((name if field == PREVIOUS else field, value))
        objects = inner
    keys.pop("", None)
    return set(list(keys)[:KEYS_MAX])


def as_key(text: str) -> str:
    """Return ``text`` as it is stored and looked for, or an empty text if no key can be like it."""
    key = text.strip().lower()[:KEY_MAX_CHARACTERS]
    return key if key.isprintable() else ""  # PostgreSQL can't store the others


def store_keys(connection: Connection, events: Mapping[int, Mapping[str, Any]]) -> None:
    """Store the keys of new events, in the caller's transaction.

    Args:
        events: the data of each event, by the id of its row.
    """
    rows = [(key, event_id) for event_id, data in events.items() for key in keys_of(data)]
    if rows:
        dialect(connection).insert_many(connection, EventKey.__table__, _COLUMNS, rows)
