"""The filters of the delivery log: what the address says in, checked values out. Nonsense counts as not given."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, time, timedelta

from werkzeug.datastructures import MultiDict

from webhooks_ui.event_types import CATEGORIES
from webhooks_ui.models import RETRYING, DeliveryStatus, Environment, utcnow

STATUSES = (DeliveryStatus.PENDING, RETRYING, DeliveryStatus.DELIVERED, DeliveryStatus.FAILED, DeliveryStatus.CANCELLED)
UNFINISHED = "unfinished"  # pending or retrying
STATUS_FILTERS = (UNFINISHED, *STATUSES)
CODE_CLASSES = ("2xx", "3xx", "4xx", "5xx")
SORTS = ("-time", "time", "-status", "status", "-code", "code")
PRESETS = {
    "1h": timedelta(hours=1),
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
}
TEXT_MAX_CHARACTERS = 200
ID_MAX = 2**63 - 1
EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)  # room to add and subtract

_CODE = re.compile(r"[1-5][0-9]{2}|[1-5]xx")
_ID = re.compile(r"[0-9]{1,19}")


@dataclass(frozen=True)
class DeliveryFilters:
    """Which deliveries to show; an empty text means all.

    ``since`` and ``until`` bound the time at which a delivery was created: a preset, a date or an ISO time (UTC).
    """

    q: str = ""
    category: str = ""
    status: str = ""
    code: str = ""
    environment: str = ""
    webhook: str = ""
    since: str = ""
    until: str = ""
    sort: str = SORTS[0]

    @classmethod
    def parse(cls, args: Mapping[str, str]) -> "DeliveryFilters":
        """The filters in a query string or a form."""
        given = {field.name: clean(_last(args, field.name)) for field in fields(cls)}
        return cls(
            q=given["q"],
            category=_one_of(CATEGORIES, given["category"]),
            status=_one_of(STATUS_FILTERS, given["status"]),
            code=given["code"].lower() if _CODE.fullmatch(given["code"].lower()) else "",
            environment=_one_of(tuple(Environment), given["environment"]),
            webhook=given["webhook"] if parse_id(given["webhook"]) is not None else "",
            since=given["since"] if parse_time(given["since"]) else "",
            until=given["until"] if parse_time(given["until"]) else "",
            sort=_one_of(SORTS, given["sort"]) or SORTS[0],
        )

    @property
    def args(self) -> dict[str, str]:
        """What goes into an address to say the same again."""
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in given.items() if value and (name, value) != ("sort", SORTS[0])}

    @property
    def is_narrowed(self) -> bool:
        """Whether anything is filtered out."""
        return bool(self.args.keys() - {"sort"})

    @property
    def webhook_id(self) -> int | None:
        return parse_id(self.webhook)

    @property
    def codes(self) -> tuple[int, int] | None:
        """The first and the last response code that match."""
        if not self.code:
            return None
        return int(self.code.replace("x", "0")), int(self.code.replace("x", "9"))

    @property
    def since_at(self) -> datetime | None:
        return parse_time(self.since)

    @property
    def until_at(self) -> datetime | None:
        return parse_time(self.until, end_of_day=True)

    def with_(self, **changes: str) -> "DeliveryFilters":
        return replace(self, **changes)


def clean(text: str) -> str:
    """Typed text without what no database column holds: control characters, and all after 200 characters."""
    return "".join(character for character in text if character.isprintable()).strip()[:TEXT_MAX_CHARACTERS]


def parse_id(text: str) -> int | None:
    """A row's id, or ``None`` for what can't be one."""
    return int(text) if text.isascii() and _ID.fullmatch(text) and int(text) <= ID_MAX else None


def parse_time(text: str, end_of_day: bool = False) -> datetime | None:
    """The time that a preset (``24h``: so long ago), a date or an ISO time means; without a zone it is UTC.

    A time before 1970 or after 9000 is taken for that year.

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


def _last(args: Mapping[str, str], name: str) -> str:
    """The last value that isn't empty: a time typed by hand comes after the list of presets, and counts.

    Not where the page showed it already (``seen``, sent without JavaScript): then the preset is what was chosen.
    """
    values = args.getlist(name) if isinstance(args, MultiDict) else [args.get(name, "")]
    given = [value for value in values if value]
    if len(given) > 1 and given[-1] == args.get("seen"):
        given.pop()
    return given[-1] if given else ""


def _one_of(choices: object, text: str) -> str:
    return text if text in choices else ""  # type: ignore[operator]
