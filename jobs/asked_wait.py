"""How long an answer asks us to wait. The clock is read only if the answer has no date.

Sources: RFC 9110, section 10.2.3 (Retry-After); draft-ietf-httpapi-ratelimit-headers, whose versions have ``RateLimit``
with ``t`` or ``reset`` and ``RateLimit-Reset``. ``X-RateLimit-Reset`` has no standard: some services write seconds that
are left, others a Unix time in seconds or milliseconds. Some write such a time into ``Retry-After``, too.
"""

import email.utils
import math
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from jobs.retry import TOO_MANY_REQUESTS

RESETS = ("ratelimit", "ratelimit-reset", "x-ratelimit-reset", "x-rate-limit-reset", "x-ratelimit-reset-after")
RESET_MAX_SECONDS = 3_600  # a larger one was understood wrongly, or is of another limit
UNIX_TIME_FROM = 10**9  # a smaller number means seconds that are left
MILLISECONDS_FROM = 10**12
READ_MAX_CHARACTERS = 1_000
READ_MAX_DIGITS = 15

_SECONDS = re.compile(r"([0-9]+)(?:\.([0-9]+))?")
_MEMBER = re.compile(r"\s*(?:[A-Za-z]+,)?[^,]+")  # a comma after the name of a day belongs to its date
_RESET = re.compile(r"(?:.*[;,\s])?(?:t|reset)\s*=\s*([0-9]{1,15})(?![0-9.]).*|([0-9]{1,15}(?:\.[0-9]{1,9})?)")

Fields = Iterable[tuple[str, str]]


def asked_seconds(code: int, fields: Fields) -> int | None:
    """Return the seconds that an answer with this status and these headers asks for, or ``None``.

    Of several ``Retry-After`` the longest counts. Proxies may join them with commas (RFC 9110, section 5.3). Without
    one, an answer 429 may say when its limit ends.
    """
    date = next(values_of(fields, "date"), None)
    asked = (member for value in values_of(fields, "retry-after") for member in _MEMBER.findall(value))
    waits = [retry_after_seconds(member, date) for member in asked]
    if code == TOO_MANY_REQUESTS and all(wait is None for wait in waits):
        waits = [_reset_seconds(value, date) for name in RESETS for value in values_of(fields, name)]
    return max((wait for wait in waits if wait is not None), default=None)


def retry_after_seconds(value: str | None, date: str | None = None) -> int | None:
    """Return the seconds that ``Retry-After`` asks for: a number, or a date, or ``None``.

    Some services write a fraction, such as ``2.0``, or a Unix time. It is rounded up.

    Args:
        date: the answer's own ``Date``. A date is read against it, for the endpoint's clock may be wrong.
    """
    if not value:
        return None
    value = value.strip()
    if found := _SECONDS.fullmatch(value):
        number = int(found[1].lstrip("0")[:READ_MAX_DIGITS] or "0") + bool((found[2] or "").strip("0"))
        return max(0, math.ceil(_seconds_left(number, date)))
    at = _http_date(value)
    if at is None:
        return None
    return max(0, round((at - _answered_at(date)).total_seconds()))


def _reset_seconds(value: str, date: str | None) -> int | None:
    found = _RESET.fullmatch(value[:READ_MAX_CHARACTERS].strip())
    if not found:
        return None
    seconds = _seconds_left(float(found[1] or found[2]), date)
    return max(0, math.ceil(seconds)) if seconds <= RESET_MAX_SECONDS else None


def _seconds_left(number: float, date: str | None) -> float:
    """Return the seconds until ``number``, if it is a Unix time. Else these are the seconds."""
    if number < UNIX_TIME_FROM:
        return number
    return number / (1_000 if number >= MILLISECONDS_FROM else 1) - _answered_at(date).timestamp()


def _answered_at(date: str | None) -> datetime:
    return _http_date(date or "") or datetime.now(UTC)


def _http_date(text: str) -> datetime | None:
    try:
        at = email.utils.parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def values_of(fields: Fields, wanted: str) -> Iterator[str]:
    """Return the values of the header with the lower-case name ``wanted``, in their order."""
    return (value for name, value in fields if name.lower() == wanted)
