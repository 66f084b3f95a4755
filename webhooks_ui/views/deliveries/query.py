"""The log's filters as the pages take and pass them on: where none is asked for, the current environment holds."""

from collections.abc import Mapping
from typing import Any

from flask import url_for

from webhooks_ui.deliveries.filters import DeliveryFilters
from webhooks_ui.web.preferences import current_environment


def filters_of(query: Mapping[str, str]) -> DeliveryFilters:
    """The filters in a query string or form. One webhook is shown whatever its environment."""
    filters = DeliveryFilters.parse(query)
    if "environment" in query or filters.webhook:
        return filters
    return filters.with_(environment=current_environment())


def query_of(filters: DeliveryFilters) -> dict[str, Any]:
    """What ``filters_of`` reads as ``filters``."""
    if current_environment() and not filters.environment:
        return filters.args | {"environment": ""}
    return dict(filters.args)


def address(filters: DeliveryFilters, cursor: str = "") -> str:
    """The address of the log under ``filters``, at ``cursor``."""
    place = {"cursor": cursor} if cursor else {}
    return url_for("deliveries.index", **(query_of(filters) | place))
