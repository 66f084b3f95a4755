"""Text that people and programs typed, made into values: nonsense becomes empty or ``None``, never an error."""

import re
from datetime import UTC, datetime, time, timedelta

from webhooks_ui.models import utcnow

PRESETS = {
    "1h": timedelta(hours=1),
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
}
TEXT_MAX_CHARACTERS = 200
ID_MAX = 2**63 - 1  # the largest number that a row can have, on every database
EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)  # room to add and subtract

_ID = re.compile(r"[0-9]{1,19}")


def clean(text: str) -> str:
    """Return typed text without control characters, which no column holds, cut to 200 characters."""
    return "".join(character for character in text if character.isprintable()).strip()[:TEXT_MAX_CHARACTERS]


def parse_id(text: str) -> int | None:
    """Return the row id that ``text`` names, or ``None`` if it can't be one."""
    return int(text) if text.isascii() and _ID.fullmatch(text) and int(text) <= ID_MAX else None


def parse_time(text: str, end_of_day: bool = False) -> datetime | None:
    """Return the time that a preset (``24h``: so long ago), a date or an ISO time means, or ``None``.

    A time without a zone is in UTC. One before 1970 or after 9000 counts as that year.

    Args:
        end_of_day: a date alone means the last moment of that day.
    """
    if text in PRESETS:
        return utcnow() - PRESETS[text]
    try:
        at = datetime.fromisoformat(text.replace(" ", "+") if "T" in text else text)  # a "+" in an address is a space
        if end_of_day and len(text) <= len("2026-01-01"):
            at = datetime.combine(at, time.max)
        at = (at.replace(tzinfo=UTC) if at.tzinfo is None else at).astimezone(UTC)
        return min(max(at, EARLIEST), LATEST)
    except (ValueError, OverflowError):
        return None


def one_of(choices: object, text: str) -> str:
    """Return ``text`` if it is one of ``choices``, else an empty text."""
    return text if text in choices else ""  # type: ignore[operator]
