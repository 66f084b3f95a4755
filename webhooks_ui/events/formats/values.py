"""Values of an event's data in words. The data may be any JSON."""

import unicodedata
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from webhooks_ui.events import strict_json
from webhooks_ui.events.formats.text import ELLIPSIS, one_line

TEXT_MAX_CHARACTERS = 4_000  # no service takes more
LABEL_MAX_CHARACTERS = 40
ITEMS_MAX = 20  # of a list or an object that are told

Data = dict[str, Any]


def at(data: Data, path: str) -> Any:
    """Return the value at a dotted path, or ``None``."""
    value: Any = data
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def first_text(data: Data, *paths: str) -> str:
    """Return the first text at one of the paths, or an empty text."""
    values = (at(data, path) for path in paths)
    return next((text for value in values if isinstance(value, str) and (text := beginning(value))), "")


def told(value: Any, words: Callable[[str], str] = str, depth: int = 2) -> str:
    """Return a value on one line, or an empty text if it says nothing.

    Args:
        words: returns how a text is told.
        depth: how many levels of lists and objects are told.
    """
    if isinstance(value, str):
        return words(beginning(value))
    if isinstance(value, strict_json.Number):
        return value.literal
    if isinstance(value, bool):
        return "yes" if value else "no"
    if depth == 0 or not value:
        return "…" if value else ""
    if isinstance(value, list):
        texts = enough(told(item, words, depth - 1) for item in value[:ITEMS_MAX])
    else:
        names = islice(value, ITEMS_MAX)
        texts = enough(f"{beginning(name)}: {told(value[name], words, depth - 1) or 'none'}" for name in names)
    return ", ".join(filter(None, [*texts, "…" if len(value) > ITEMS_MAX else ""]))


def enough(texts: Iterable[str]) -> list[str]:
    """Return the first of ``texts``: all, or as many as have more characters than any service takes.

    The others aren't made, because the thread that makes them makes all requests of a worker.
    """
    kept, length = [], 0
    for text in texts:
        kept.append(text)
        length += len(text)
        if length > TEXT_MAX_CHARACTERS:
            break
    return kept


def beginning(text: str) -> str:
    """Return the beginning of a text, on one line. A text that goes on after it ends with ``…``."""
    return one_line(text[:TEXT_MAX_CHARACTERS]) + (ELLIPSIS if len(text) > TEXT_MAX_CHARACTERS else "")


def label(name: str) -> str:
    """Return a name of the data as a label: letters with their accents, digits and spaces, which are markup nowhere."""
    kept = "".join(c if unicodedata.category(c)[0] in "LMN" else " " for c in name[:TEXT_MAX_CHARACTERS])
    return " ".join(kept.split())[:LABEL_MAX_CHARACTERS].strip().capitalize() or "Field"


def time(value: Any) -> datetime | None:
    """Return an ISO 8601 time in UTC, or ``None`` if ``value`` is none or has no zone."""
    try:
        moment = datetime.fromisoformat(value.upper())  # RFC 3339, section 5.6, also allows t and z
        return moment.astimezone(UTC) if moment.tzinfo else None
    except (AttributeError, ValueError, OverflowError):
        return None


def time_words(moment: datetime) -> str:
    """Return for example ``23 Nov 2026, 10:00 UTC``."""
    return f"{moment.day} {moment:%b} {moment.year}, {moment:%H:%M} UTC"


def moment_words(value: Any) -> str:
    """Return a time in words, and any other value as ``told`` does."""
    moment = time(value)
    return time_words(moment) if moment else told(value)


def changed(data: Data) -> dict[str, str]:
    """Return the labels of the fields that changed, each with its name.

    That an object has another time of its last change says nothing new.
    """
    previous = data.get("previous")
    if not isinstance(previous, dict):
        return {}
    names = [name for name in previous if name != "updated_at"][:ITEMS_MAX]
    return {label(name): name for name in names}


def changes(data: Data) -> Iterator[str]:
    """Yield what changed: the label of each field, with its values before and after."""
    for label, name in changed(data).items():
        before, after = (moment_words(values.get(name)) or "none" for values in (data["previous"], data))
        yield f"{label}: {before} → {after}"
