"""The addresses of the API under /api/v1, and the scope that each of them needs."""

from collections.abc import Callable
from typing import Any

from webhooks_ui.api import deliveries, event_types, events, webhooks
from webhooks_ui.models import Scope

Views = dict[str, tuple[Scope | None, Callable[..., Any]]]

ANY_KEY = None  # no scope is needed
WEBHOOK = "/webhooks/<int:webhook_id>"
DELIVERY = "/deliveries/<int:delivery_id>"

# The parameters that a function reads from the query string. The other functions read none
PARAMETERS: dict[Callable[..., Any], tuple[str, ...]] = {
    webhooks.index: webhooks.PARAMETERS,
    deliveries.index: deliveries.PARAMETERS,
}

# The path, the name of the endpoint, and the scope and function for each method
ROUTES: tuple[tuple[str, str, Views], ...] = (
    ("/events", "events", {"POST": (Scope.EVENTS_WRITE, events.create)}),
    ("/event-types", "event_types", {"GET": (ANY_KEY, event_types.index)}),
    (
        "/webhooks",
        "webhooks",
        {"GET": (Scope.WEBHOOKS_READ, webhooks.index), "POST": (Scope.WEBHOOKS_WRITE, webhooks.create)},
    ),
    (
        WEBHOOK,
        "webhook",
        {
            "GET": (Scope.WEBHOOKS_READ, webhooks.show),
            "PATCH": (Scope.WEBHOOKS_WRITE, webhooks.update),
            "DELETE": (Scope.WEBHOOKS_WRITE, webhooks.delete),
        },
    ),
    (
        f"{WEBHOOK}/secret",
        "webhook_secret",
        {"GET": (Scope.SECRETS_READ, webhooks.show_secret), "POST": (Scope.WEBHOOKS_WRITE, webhooks.rotate_secret)},
    ),
    (
        f"{WEBHOOK}/older-secrets/<secret_id>",
        "webhook_older_secret",
        {"DELETE": (Scope.WEBHOOKS_WRITE, webhooks.end_secret)},
    ),
    (f"{WEBHOOK}/test", "webhook_test", {"POST": (Scope.WEBHOOKS_WRITE, webhooks.test)}),
    ("/deliveries", "deliveries", {"GET": (Scope.DELIVERIES_READ, deliveries.index)}),
    (DELIVERY, "delivery", {"GET": (Scope.DELIVERIES_READ, deliveries.show)}),
    (f"{DELIVERY}/retries", "delivery_retries", {"POST": (Scope.DELIVERIES_RETRY, deliveries.retry)}),
)
