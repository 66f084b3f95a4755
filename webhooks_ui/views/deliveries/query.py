"""The filters of the log, as the pages read them from addresses and put them into addresses.

An address without an environment means the current one.
"""

from collections.abc import Mapping
from typing import Any

from flask import Response, make_response, render_template, url_for

from webhooks_ui.deliveries.filters import DeliveryFilters
from webhooks_ui.web.preferences import current_environment


def filters_of(query: Mapping[str, str]) -> DeliveryFilters:
    """Return the filters in a query string or form. A filter by webhook ignores the current environment."""
    filters = DeliveryFilters.parse(query)
    if "environment" in query or filters.webhook:
        return filters
    return filters.with_(environment=current_environment())


def query_of(filters: DeliveryFilters) -> dict[str, Any]:
    """Return the query that ``filters_of`` reads as ``filters``."""
    sent = filters.sent
    if current_environment() and "environment" not in sent:
        return sent | {"environment": ""}
    return dict(sent)


def address(filters: DeliveryFilters, cursor: str = "") -> str:
    """Return the address of the log with ``filters``, at ``cursor``."""
    place = {"cursor": cursor} if cursor else {}
    return url_for("deliveries.index", **(query_of(filters) | place))


def refusal(filters: DeliveryFilters) -> Response | None:
    """Return the page that refuses to act on all that match, if a filter isn't understood."""
    return make_response(render_template("deliveries/refused.html", filters=filters), 422) if filters.wrong else None
