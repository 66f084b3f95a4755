"""The retry schedules: the delay before each attempt. It imports no other module of ours."""

from collections.abc import Sequence
from datetime import datetime, timedelta

SCHEDULES_SECONDS: dict[str, tuple[int, ...]] = {
    "default": (0, 60, 300, 900, 3_600),
    # Standard Webhooks, "Deliverability and reliability": the recommended schedule
    "long": (0, 5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400),
}
SLOWED_DOWN_AT_LEAST = timedelta(hours=24)  # how long a delivery may wait for an endpoint that asks to slow down


def gives_up_at(created_at: datetime, delays: Sequence[int]) -> datetime:
    """Return until when a delivery may wait for an endpoint that asks to slow down: as long as its schedule lasts."""
    return created_at + max(timedelta(seconds=sum(delays)), SLOWED_DOWN_AT_LEAST)


def describe(schedule: str) -> str:
    """Return the schedule in words, such as ``5 attempts: at once, then after 1 min, 5 min, 15 min and 1 h``."""
    first, *delays, last = map(_delay, SCHEDULES_SECONDS[schedule])
    return f"{len(delays) + 2} attempts: {first}, then after {', '.join(delays)} and {last}"


def _delay(seconds: int) -> str:
    if seconds == 0:
        return "at once"
    for unit, length in (("h", 3_600), ("min", 60)):
        if seconds % length == 0:
            return f"{seconds // length}\N{NO-BREAK SPACE}{unit}"
    return f"{seconds}\N{NO-BREAK SPACE}s"
