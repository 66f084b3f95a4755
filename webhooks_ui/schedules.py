"""The retry schedules: the delay before each attempt. It imports no other module of ours."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta

SCHEDULES_SECONDS: dict[str, tuple[int, ...]] = {
    "default": (0, 60, 300, 900, 3_600),
    # Standard Webhooks, "Deliverability and reliability": the recommended schedule
    "long": (0, 5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400),
}
OWN = "own"  # a webhook's own delays
OWN_DELAYS_MAX = 12
TYPED_MAX_CHARACTERS = 1_000  # of own delays
OWN_DELAY_MAX_SECONDS = 7 * 86_400
SLOWED_DOWN_AT_LEAST = timedelta(hours=24)  # how long a delivery may wait for an endpoint that asks to slow down

_UNITS = {"": 1, "s": 1, "sec": 1, "m": 60, "min": 60, "h": 3_600, "d": 86_400}
_DELAY = re.compile(r"([0-9]{1,9})\s*([a-z]*)")


class WrongDelays(ValueError):
    """A schedule can't be used. The message is a sentence."""


def delays_of(schedule: str, own: Sequence[int] | None) -> tuple[int, ...]:
    """Return the delay before each attempt, in seconds. A schedule that we don't know is the default one.

    Args:
        own: the delays between the attempts of a webhook whose schedule is ``OWN``.
    """
    return (0, *own) if schedule == OWN and own else SCHEDULES_SECONDS.get(schedule, SCHEDULES_SECONDS["default"])


def gives_up_at(asked_at: datetime, delays: Sequence[int]) -> datetime:
    """Return until when a delivery may wait for an endpoint that asks to slow down: as long as its schedule lasts.

    Args:
        asked_at: when the endpoint asked for the first time.
    """
    return asked_at + max(timedelta(seconds=sum(delays)), SLOWED_DOWN_AT_LEAST)


def describe(schedule: str) -> str:
    """Return the schedule in words, such as ``5 attempts: at once, then after 1 min, 5 min, 15 min and 1 h``."""
    first, *delays, last = map(_delay, SCHEDULES_SECONDS[schedule])
    return f"{len(delays) + 2} attempts: {first}, then after {', '.join(delays)} and {last}"


def delays_text(delays: Sequence[int]) -> str:
    """Return delays as people type them: ``10 s, 5 min, 1 h``."""
    return ", ".join(_delay(seconds).replace("\N{NO-BREAK SPACE}", " ") for seconds in delays)


def parse_delays(text: str) -> list[int]:
    """Return the delays between attempts that a person typed, in seconds.

    Raises:
        WrongDelays: the text is too long, a part isn't a delay, or ``check_delays`` refuses them.
    """
    if len(text) > TYPED_MAX_CHARACTERS:
        raise WrongDelays(f"The delays are too long. Give 1 to {OWN_DELAYS_MAX}.")
    delays = []
    for part in filter(None, (part.strip() for part in text.lower().split(","))):
        found = _DELAY.fullmatch(part.replace("\N{NO-BREAK SPACE}", " "))
        if found is None or found[2] not in _UNITS:
            raise WrongDelays(f"{part[:40]!r} is not a delay. Write the delays like 10 s, 5 min, 1 h, 1 d.")
        delays.append(int(found[1]) * _UNITS[found[2]])
    return check_delays(delays)


def check_delays(delays: Sequence[int]) -> list[int]:
    """Return the delays between attempts, if a webhook may have them.

    Raises:
        WrongDelays: there are none, or over twelve, or one is 0 or over 7 days.
    """
    if not 1 <= len(delays) <= OWN_DELAYS_MAX:
        raise WrongDelays(f"Give 1 to {OWN_DELAYS_MAX} delays, not {len(delays)}.")
    for seconds in delays:
        if not 1 <= seconds <= OWN_DELAY_MAX_SECONDS:
            raise WrongDelays(f"Each delay must be 1 second to 7 days, not {_delay(seconds)}.")
    return list(delays)


def _delay(seconds: int) -> str:
    if seconds == 0:
        return "at once"
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds % length == 0 and (unit != "d" or seconds > length):
            return f"{seconds // length}\N{NO-BREAK SPACE}{unit}"
    return f"{seconds}\N{NO-BREAK SPACE}s"
