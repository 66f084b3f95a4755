"""The filters of the webhook list, parsed from the query string. What isn't understood is kept apart, to be told."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from webhooks_ui.models import Environment, WebhookHealth, WebhookStatus
from webhooks_ui.models.webhook import SEARCH_MAX_CHARACTERS
from webhooks_ui.parsing import not_in_list, not_understood, one_of

SORTS = ("-created_at", "created_at", "name", "-name")  # the first one is the default
PAGE_SIZES = (25, 50, 100)
ONCE_STATUSES = (WebhookHealth.FAILING, WebhookHealth.DISABLED)  # old addresses have them as the status
PROBLEMS = {  # what to say of a value that isn't understood, by the name of the filter
    "environment": not_in_list("an environment"),
    "status": not_in_list("a status"),
    "health": not_in_list("a health"),
}


@dataclass(frozen=True)
class WebhookFilters:
    """The webhooks to show, their order, and the page of them. An empty text means all.

    ``wrong`` has the values that aren't understood, by the name of their filter. The list leaves them out and says so.
    """

    q: str = ""
    environment: str = ""
    status: str = ""
    health: str = ""
    sort: str = SORTS[0]
    size: int = PAGE_SIZES[0]
    page: int = 1
    wrong: Mapping[str, str] = field(default_factory=dict, hash=False)

    @classmethod
    def parse(cls, args: Mapping[str, str], environment: str = "", size: int = PAGE_SIZES[0]) -> "WebhookFilters":
        """Return the filters in a query string.

        Args:
            environment: The environment if ``args`` have none.
            size: The number of rows a page if ``args`` have none.
        """
        size_text, status = args.get("size", ""), args.get("status", "")
        once = one_of(ONCE_STATUSES, status)
        sent = {
            "environment": args.get("environment", environment),
            "status": "" if once else status,
            "health": args.get("health", "") or once,
        }
        understood = {
            "environment": one_of(tuple(Environment), sent["environment"]),
            "status": one_of(tuple(WebhookStatus), sent["status"]),
            "health": one_of(tuple(WebhookHealth), sent["health"]),
        }
        return cls(
            q=args.get("q", "").replace("\0", "").strip()[:SEARCH_MAX_CHARACTERS],
            **understood,
            sort=one_of(SORTS, args.get("sort", "")) or SORTS[0],
            size=int(size_text) if size_text in map(str, PAGE_SIZES) else size,
            page=_page_number(args.get("page", "")),
            wrong=not_understood(sent, understood),
        )

    @property
    def args(self) -> dict[str, Any]:
        """The query string of these filters, without the values that are defaults."""
        usual = vars(WebhookFilters())
        return {name: value for name, value in self.values.items() if value != usual[name]}

    @property
    def values(self) -> dict[str, Any]:
        """All values that are understood, by the names of their parameters."""
        return {name: value for name, value in vars(self).items() if name != "wrong"}

    @property
    def is_narrowed(self) -> bool:
        """Whether these filters can hide webhooks."""
        return bool(self.q or self.environment or self.status or self.health)

    def with_(self, **changes: str | int) -> "WebhookFilters":
        wrong = {name: value for name, value in self.wrong.items() if name not in changes}
        return replace(self, wrong=wrong, **changes)  # type: ignore[arg-type]


def _page_number(text: str) -> int:
    return max(1, int(text[:9])) if text.isdecimal() else 1  # no list has pages with over nine digits
