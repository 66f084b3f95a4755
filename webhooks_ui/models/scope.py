"""The scopes: what an API key may do. ``api/routes`` says which scope each address needs."""

from collections.abc import Collection
from enum import StrEnum


class Scope(StrEnum):
    EVENTS_WRITE = "events:write"
    WEBHOOKS_READ = "webhooks:read"
    WEBHOOKS_WRITE = "webhooks:write"
    SECRETS_READ = "secrets:read"
    DELIVERIES_READ = "deliveries:read"
    DELIVERIES_RETRY = "deliveries:retry"


MEANINGS: dict[Scope, str] = {
    Scope.EVENTS_WRITE: "Publish events.",
    Scope.WEBHOOKS_READ: "Read webhooks with their URLs and settings, but not their secrets.",
    Scope.WEBHOOKS_WRITE: "Create, change, test and delete webhooks, and replace their secrets. "
    "This decides where the data of events goes.",
    Scope.SECRETS_READ: "Read the signing secrets of webhooks. Anyone who has a secret can sign as we do.",
    Scope.DELIVERIES_READ: "Read deliveries: the data of events, the requests and the answers.",
    Scope.DELIVERIES_RETRY: "Send deliveries again.",
}
READY_CHOICES: dict[str, tuple[Scope, ...]] = {
    "publisher": (Scope.EVENTS_WRITE,),
    "read_only": (Scope.WEBHOOKS_READ, Scope.DELIVERIES_READ),
    "everything": tuple(Scope),
}


def in_order(scopes: Collection[str]) -> list[Scope]:
    """Return each of ``scopes`` once, in the order of ``Scope``. Leave out what is no scope."""
    return [scope for scope in Scope if scope in scopes]


def ready_choice(scopes: Collection[str]) -> str:
    """Return the name of the ready choice that means exactly ``scopes``, or an empty text."""
    return next((name for name, ready in READY_CHOICES.items() if set(ready) == set(scopes)), "")
