"""Parses values that people and programs sent. Invalid text becomes an empty text or ``None``, never an error."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta

from webhooks_ui.models import utcnow

PRESETS = {
    "1h": timedelta(hours=1),
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
}
TEXT_MAX_CHARACTERS = 200
NOT_SEARCHED = f"Can't be searched for: write up to {TEXT_MAX_CHARACTERS} characters that can be read."
UNREADABLE = "\N{REPLACEMENT CHARACTER}"  # stands for a value without a single character that can be shown
ID_MAX = 2**62  # the largest row id that is understood. Databases hold twice as much, so a window beyond it fits, too
COUNT_MAX = 2**31 - 1  # the largest number of attempts. PostgreSQL can't compare a larger one with such a column
DAYS_MAX = 99_999
# Adding to these times, or subtracting from them, can't overflow.
EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)

_ID = re.compile(r"[0-9]{1,19}")
_DAYS = re.compile(r"([0-9]{1,5})d")


def clean(text: str) -> str:
    """Return ``text`` without unprintable characters, cut to 200 characters."""
    return "".join(character for character in text if character.isprintable()).strip()[:TEXT_MAX_CHARACTERS]


def searched(text: str) -> str:
    """Return ``text`` to search for without unprintable characters, or an empty text if it has over 200 characters."""
    return clean(text) if len(text.strip()) <= TEXT_MAX_CHARACTERS else ""


def parse_id(text: str) -> int | None:
    """Return ``text`` as a row id, or ``None`` if it isn't one."""
    return int(text) if _ID.fullmatch(text) and int(text) <= ID_MAX else None


def parse_time(text: str, end_of_day: bool = False) -> datetime | None:
    """Return the time that ``text`` means, in UTC, or ``None`` if it means none.

    The text is an age from ``PRESETS`` (``24h`` means 24 hours ago), a date, or an ISO 8601 time. A time without a zone
    is in UTC. A time outside the years 1970 to 9000 becomes the nearest time inside.

    Args:
        end_of_day: Whether a date without a time means the last moment of that day, not the first.
    """
    if text in PRESETS:
        return utcnow() - PRESETS[text]
    at = _absolute(text, end_of_day)
    return at and min(max(at, EARLIEST), LATEST)


def _absolute(text: str, end_of_day: bool) -> datetime | None:
    """Return the time that ``text`` means as a date or an ISO 8601 time, in UTC, or ``None`` if it means none."""
    try:
        text = text.upper()  # RFC 3339, section 5.6, also allows t and z
        at = datetime.fromisoformat(text.replace(" ", "+") if "T" in text else text)  # query strings decode "+" as " "
        if end_of_day and len(text) <= len("2026-01-01"):
            at = datetime.combine(at, time.max)
        return (at.replace(tzinfo=UTC) if at.tzinfo is None else at).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def parse_end(text: str) -> datetime | None:
    """Return the end that ``text`` means, in UTC, or ``None`` if it means none, or one in the past.

    The text is a number of days from now (``90d``, up to ``DAYS_MAX``), a date, which lasts until its last moment, or
    an ISO 8601 time.
    """
    now, text = utcnow(), text.strip()
    if found := _DAYS.fullmatch(text):
        at = now + timedelta(days=int(found[1]))
    else:
        at = _absolute(text, end_of_day=True) or now
    return at if at > now else None


def not_understood(sent: Mapping[str, str], understood: Mapping[str, str]) -> dict[str, str]:
    """Return what was sent for each filter that ``understood`` has as empty, as text that can be shown."""
    empty = [name for name, text in understood.items() if not text and sent[name].strip()]
    return {name: clean(sent[name]) or UNREADABLE for name in empty}


def not_in_list(what: str) -> str:
    """Return what to say of a value of a filter that isn't ``what``, such as ``a status``."""
    return f"Not {what}: choose one from the list."


def one_of(choices: object, text: str) -> str:
    """Return ``text`` if it is in ``choices``, or else an empty text."""
    return text if text in choices else ""  # type: ignore[operator]
