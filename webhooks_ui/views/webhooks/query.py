"""The filters of the list, as the pages read them from addresses and put them into addresses.

An address without environment or size means those that the browser remembers.
"""

from collections.abc import Mapping
from typing import Any

from webhooks_ui.views.webhooks.blueprint import blueprint
from webhooks_ui.web.preferences import current_environment, page_size
from webhooks_ui.webhooks.filters import PAGE_SIZES, WebhookFilters


def filters_of(query: Mapping[str, str]) -> WebhookFilters:
    """Return the filters in a query string."""
    return WebhookFilters.parse(query, current_environment(), page_size())


def query_of(filters: WebhookFilters, **changes: str | int) -> dict[str, Any]:
    """Return the query that ``filters_of`` reads as ``filters`` with ``changes``.

    From the second page on it contains the size, because the rows of a page depend on it.
    """
    wanted = filters.with_(**changes)
    named = set(wanted.args)
    if current_environment():
        named.add("environment")
    if wanted.page > 1 or page_size() != PAGE_SIZES[0]:
        named.add("size")
    return {name: value for name, value in wanted.values.items() if name in named} | dict(wanted.wrong)


@blueprint.app_context_processor
def add_helpers() -> dict[str, Any]:
    return {"webhooks_query": query_of}
