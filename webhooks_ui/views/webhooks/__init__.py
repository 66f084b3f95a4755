"""The pages of webhooks."""

from webhooks_ui.views.webhooks import (
    bulk,
    deleting,
    editing,
    first_steps,
    listing,
    newer,
    preview,
    saved_payloads,
    secret,
    show,
    signature,
    testing,
    why_nothing,
)
from webhooks_ui.views.webhooks.blueprint import blueprint

__all__ = [
    "blueprint",
    "bulk",
    "deleting",
    "editing",
    "first_steps",
    "listing",
    "newer",
    "preview",
    "saved_payloads",
    "secret",
    "show",
    "signature",
    "testing",
    "why_nothing",
]
