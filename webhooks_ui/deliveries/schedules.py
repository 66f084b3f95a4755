"""The retry schedules: the delay before each attempt. It imports no other module of ours."""

SCHEDULES_SECONDS: dict[str, tuple[int, ...]] = {
    "default": (0, 60, 300, 900, 3_600),
    # Standard Webhooks, "Deliverability and reliability": the recommended schedule
    "long": (0, 5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400),
}


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
