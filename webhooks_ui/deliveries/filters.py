"""The filters of the delivery log, parsed from the query string. What isn't understood is kept apart, to be told."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime

from werkzeug.datastructures import MultiDict

from webhooks_ui.events import catalogue
from webhooks_ui.models import RETRYING, DeliveryStatus, Environment
from webhooks_ui.parsing import (
    NOT_SEARCHED,
    clean,
    not_in_list,
    not_understood,
    one_of,
    parse_id,
    parse_time,
    searched,
)

STATUSES = (DeliveryStatus.PENDING, RETRYING, DeliveryStatus.DELIVERED, DeliveryStatus.FAILED, DeliveryStatus.CANCELLED)
UNFINISHED = "unfinished"  # pending or retrying
WITH_FAILURES = "with_failures"  # retrying or failed
UNDELIVERED = "undelivered"  # all but delivered
STATUS_FILTERS = (UNFINISHED, WITH_FAILURES, UNDELIVERED, *STATUSES)
CODE_CLASSES = ("2xx", "3xx", "4xx", "5xx")
SORTS = ("-time", "time", "-status", "status", "-code", "code")
LABELS = {  # what pages call the filters
    "q": "Search",
    "category": "Category",
    "status": "Status",
    "code": "Response code",
    "environment": "Environment",
    "webhook": "Webhook",
    "action": "Bulk action",
    "since": "Created from",
    "until": "Created until",
}
CODE = re.compile(r"[1-9][0-9]{2}|[1-5]xx")  # some endpoints answer with codes above 599, such as 999
_TIME_PROBLEM = "Not a time: write 24h, 2026-11-23 or 2026-11-23T10:00."
PROBLEMS = {  # what to say of a value that isn't understood, by the name of the filter
    "q": NOT_SEARCHED,
    "category": not_in_list("a category"),
    "status": not_in_list("a status"),
    "code": "Not a code: write 500 or 5xx.",
    "environment": not_in_list("an environment"),
    "webhook": not_in_list("the number of a webhook"),
    "action": "Not the number of a bulk action: open one from the list of bulk actions.",
    "since": _TIME_PROBLEM,
    "until": _TIME_PROBLEM,
}


@dataclass(frozen=True)
class DeliveryFilters:
    """The deliveries to show, and their order. An empty text means all.

    ``action`` is the id of the bulk action that made them due. ``since`` and ``until`` limit the creation time. Each is
    a preset such as ``24h``, a date, or an ISO time (UTC). ``wrong`` has the values that aren't understood, by the
    name of their filter. The log leaves them out and says so. An action for all that match must refuse them, because
    it would cover more than its author meant.
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
    wrong: Mapping[str, str] = field(default_factory=dict, hash=False)

    @classmethod
    def parse(cls, args: Mapping[str, str]) -> "DeliveryFilters":
        """Return the filters in a query string or a form."""
        sent = {name: _last(args, name) for name in NAMES}
        given = {name: clean(text) for name, text in sent.items()}
        understood = {
            "q": searched(sent["q"]),
            "category": one_of(catalogue.logged_categories(), given["category"]) if given["category"] else "",
            "status": one_of(STATUS_FILTERS, given["status"]),
            "code": given["code"].lower() if CODE.fullmatch(given["code"].lower()) else "",
            "environment": one_of(tuple(Environment), given["environment"]),
            "webhook": given["webhook"] if parse_id(given["webhook"]) is not None else "",
            "action": given["action"] if parse_id(given["action"]) is not None else "",
            "since": given["since"] if parse_time(given["since"]) else "",
            "until": given["until"] if parse_time(given["until"]) else "",
        }
        sort = one_of(SORTS, given["sort"]) or SORTS[0]
        return cls(**understood, sort=sort, wrong=not_understood(sent, understood))

    @property
    def args(self) -> dict[str, str]:
        """The query string of these filters, without the values that are defaults."""
        given = {name: getattr(self, name) for name in NAMES}
        return {name: value for name, value in given.items() if value and (name, value) != ("sort", SORTS[0])}

    @property
    def sent(self) -> dict[str, str]:
        """The query string of these filters, with the values that aren't understood."""
        return self.args | dict(self.wrong)

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

    @property
    def ends_before_it_begins(self) -> bool:
        since, until = self.since_at, self.until_at
        return since is not None and until is not None and until < since

    def with_(self, **changes: str) -> "DeliveryFilters":
        wrong = {name: value for name, value in self.wrong.items() if name not in changes}
        return replace(self, wrong=wrong, **changes)


NAMES = tuple(each.name for each in fields(DeliveryFilters) if each.name != "wrong")


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
