"""The filters of the delivery log, parsed from the query string. An invalid value counts as not given."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime

from werkzeug.datastructures import MultiDict

from webhooks_ui.events import catalogue
from webhooks_ui.models import RETRYING, DeliveryStatus, Environment
from webhooks_ui.parsing import clean, one_of, parse_id, parse_time

STATUSES = (DeliveryStatus.PENDING, RETRYING, DeliveryStatus.DELIVERED, DeliveryStatus.FAILED, DeliveryStatus.CANCELLED)
UNFINISHED = "unfinished"  # pending or retrying
WITH_FAILURES = "with_failures"  # retrying or failed
UNDELIVERED = "undelivered"  # all but delivered
STATUS_FILTERS = (UNFINISHED, WITH_FAILURES, UNDELIVERED, *STATUSES)
CODE_CLASSES = ("2xx", "3xx", "4xx", "5xx")
SORTS = ("-time", "time", "-status", "status", "-code", "code")
_CODE = re.compile(r"[1-5][0-9]{2}|[1-5]xx")


@dataclass(frozen=True)
class DeliveryFilters:
    """The deliveries to show, and their order. An empty text means all.

    ``action`` is the id of the bulk action that made them due. ``since`` and ``until`` limit the creation time. Each is
    a preset such as ``24h``, a date, or an ISO time (UTC).
    """

    q: str = ""
    category: str = ""
    status: str = ""
    code: str = ""
    environment: str = ""
    webhook: str = ""
    action: str = ""
    since: str = ""
    until: str = ""
    sort: str = SORTS[0]

    @classmethod
    def parse(cls, args: Mapping[str, str]) -> "DeliveryFilters":
        """Return the filters in a query string or a form."""
        given = {field.name: clean(_last(args, field.name)) for field in fields(cls)}
        return cls(
            q=given["q"],
            category=one_of(catalogue.categories(), given["category"]) if given["category"] else "",
            status=one_of(STATUS_FILTERS, given["status"]),
            code=given["code"].lower() if _CODE.fullmatch(given["code"].lower()) else "",
            environment=one_of(tuple(Environment), given["environment"]),
            webhook=given["webhook"] if parse_id(given["webhook"]) is not None else "",
            action=given["action"] if parse_id(given["action"]) is not None else "",
            since=given["since"] if parse_time(given["since"]) else "",
            until=given["until"] if parse_time(given["until"]) else "",
            sort=one_of(SORTS, given["sort"]) or SORTS[0],
        )

    @property
    def args(self) -> dict[str, str]:
        """The query string of these filters, without the values that are defaults."""
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in given.items() if value and (name, value) != ("sort", SORTS[0])}

    @property
    def is_narrowed(self) -> bool:
        """Whether these filters can hide deliveries."""
        return bool(self.args.keys() - {"sort"})

    @property
    def webhook_id(self) -> int | None:
        return parse_id(self.webhook)

    @property
    def action_id(self) -> int | None:
        return parse_id(self.action)

    @property
    def codes(self) -> tuple[int, int] | None:
        """The lowest and the highest matching response code."""
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


def _last(args: Mapping[str, str], name: str) -> str:
    """Return the last value that isn't empty, because a typed time comes after the preset and overrides it.

    Without JavaScript the form also sends ``seen``, the time that the page already showed. If the typed time equals it,
    the person chose the preset, so return that.
    """
    values = args.getlist(name) if isinstance(args, MultiDict) else [args.get(name, "")]
    given = [value for value in values if value]
    if len(given) > 1 and given[-1] == args.get("seen"):
        given.pop()
    return given[-1] if given else ""
