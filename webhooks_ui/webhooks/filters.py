"""The filters of the webhook list, parsed from the query string. An invalid value counts as not given."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from webhooks_ui.models import Environment, WebhookHealth, WebhookStatus
from webhooks_ui.models.webhook import SEARCH_MAX_CHARACTERS
from webhooks_ui.parsing import one_of

SORTS = ("-created_at", "created_at", "name", "-name")  # the first one is the default
PAGE_SIZES = (25, 50, 100)
ONCE_STATUSES = (WebhookHealth.FAILING, WebhookHealth.DISABLED)  # old addresses have them as the status


@dataclass(frozen=True)
class WebhookFilters:
    """The webhooks to show, their order, and the page of them. An empty text means all."""

    q: str = ""
    environment: str = ""
    status: str = ""
    health: str = ""
    sort: str = SORTS[0]
    size: int = PAGE_SIZES[0]
    page: int = 1

    @classmethod
    def parse(cls, args: Mapping[str, str], environment: str = "", size: int = PAGE_SIZES[0]) -> "WebhookFilters":
        """Return the filters in a query string.

        Args:
            environment: The environment if ``args`` have none.
            size: The number of rows a page if ``args`` have none.
        """
        size_text, status = args.get("size", ""), args.get("status", "")
        return cls(
            q=args.get("q", "").replace("\0", "").strip()[:SEARCH_MAX_CHARACTERS],
            environment=one_of(tuple(Environment), args.get("environment", environment)),
            status=one_of(tuple(WebhookStatus), status),
            health=one_of(tuple(WebhookHealth), args.get("health", "")) or one_of(ONCE_STATUSES, status),
            sort=one_of(SORTS, args.get("sort", "")) or SORTS[0],
            size=int(size_text) if size_text in map(str, PAGE_SIZES) else size,
            page=_page_number(args.get("page", "")),
        )

    @property
    def args(self) -> dict[str, Any]:
        """The query string of these filters, without the values that are defaults."""
        usual = vars(WebhookFilters())
        return {name: value for name, value in vars(self).items() if value != usual[name]}

    @property
    def is_narrowed(self) -> bool:
        """Whether these filters can hide webhooks."""
        return bool(self.q or self.environment or self.status or self.health)

    def with_(self, **changes: str | int) -> "WebhookFilters":
        return replace(self, **changes)  # type: ignore[arg-type]


def _page_number(text: str) -> int:
    return max(1, int(text[:9])) if text.isdecimal() else 1  # no list has pages with over nine digits
