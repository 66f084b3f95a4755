"""Keys: the values in an event's data by which people look for it. They are stored while it is published.

Publishers wait for this, so it makes few objects, and one row for all keys of an event. The chore ``index_keys`` makes
a row of each key later.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, insert

from webhooks_ui.models import FreshKeys
from webhooks_ui.models.event_key import KEY_MAX_CHARACTERS

KEYS_MAX = 16  # of one event
DEPTH_MAX = 3
OF_ANY_OBJECT = frozenset(
    ("license_key", "email", "identifier", "activation_identifier", "license_id", "product_id", "contract_id")
)
OF_OBJECT_WITH_ID = OF_ANY_OBJECT | {"id"}
OBJECTS_WITH_ID = frozenset(("", "license", "product", "contract"))  # "": the data itself
PREVIOUS = "previous"  # the old values of an updated event stand in it as in the data
SEPARATOR = "\n"  # is in no key, because it can't be printed
_KEY = f"[!-~]{{1,{KEY_MAX_CHARACTERS}}}"
_are_keys = re.compile(f"{SEPARATOR}(?:{_KEY}{SEPARATOR})+").fullmatch  # as they stand


def keys_of(data: Mapping[str, Any]) -> set[str]:
    """Return the keys in the data of an event: license keys, email addresses, identifiers and ids, in small letters.

    Only texts count, and only the first ``KEYS_MAX``, those that stand further out before others. A longer text is cut,
    so that its beginning finds it.
    """
    text = joined_keys_of(data)
    return set(split(text)) if text else set()


def joined_keys_of(data: Mapping[str, Any]) -> str:
    """Return what ``keys_of`` returns as one text, like ``joined``, or an empty text without any key.

    A key may stand in it twice.
    """
    texts = _texts_of(data)
    text = joined(texts).lower()
    if len(texts) <= KEYS_MAX and text.count(SEPARATOR) == len(texts) + 1 and _are_keys(text):
        return text
    keys = dict.fromkeys(map(as_key, texts))
    keys.pop("", None)
    return joined(list(keys)[:KEYS_MAX]) if keys else ""


def _texts_of(data: Mapping[str, Any]) -> list[str]:
    texts: list[str] = []
    objects = [("", data)]
    for _ in range(DEPTH_MAX):
        inner: list[tuple[str, Mapping[str, Any]]] = []
        for name, values in objects:
            wanted = OF_OBJECT_WITH_ID if name in OBJECTS_WITH_ID else OF_ANY_OBJECT
            for field, value in values.items():
                if isinstance(value, str):  # as most are
                    if field in wanted:
                        texts.append(value)
                elif isinstance(value, dict):
                    inner.append((name if field == PREVIOUS else field, value))
        if not inner:
            break
        objects = inner
    return texts


def as_key(text: str) -> str:
    """Return ``text`` as it is stored and looked for, or an empty text if no key can be like it."""
    key = text.strip().lower()[:KEY_MAX_CHARACTERS]
    return key if key.isprintable() else ""  # PostgreSQL can't store the others


def joined(keys: Iterable[str]) -> str:
    """Return keys as one text, in which each has a separator on both sides."""
    return f"{SEPARATOR}{SEPARATOR.join(keys)}{SEPARATOR}"


def split(text: str) -> list[str]:
    """Return the keys in a text that ``joined`` made."""
    return text[1:-1].split(SEPARATOR)


def store_keys(connection: Connection, event_id: int, data: Mapping[str, Any]) -> None:
    """Store the keys of a new event, in the caller's transaction."""
    if keys := joined_keys_of(data):
        connection.execute(insert(FreshKeys).values(event_id=event_id, keys=keys))
