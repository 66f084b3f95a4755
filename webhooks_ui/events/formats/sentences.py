"""What happened, in one sentence: ``License ABCD was activated on build-server-7``."""

from webhooks_ui.events.formats.text import Writer
from webhooks_ui.events.formats.values import Data, at, changed, first_text, told
from webhooks_ui.models.visible import words

NAME_MAX_CHARACTERS = 150  # of a name inside a sentence
NAMES_MAX_CHARACTERS = 4_000  # of all of them, which is never reached

KEY = ("license_key", "license.license_key")
DEVICE = ("identifier", "activation.identifier", "activation_identifier")

# sentence_of says what the names in braces mean.
SENTENCES = {
    "license.created": "{License} was created",
    "license.updated": "{License} was changed{changes}",
    "license.deleted": "{License} was deleted",
    "license.assigned": "{License} was assigned{to}",
    "license.activated": "{License} was activated{on}",
    "license.deactivated": "{License} was deactivated{on}",
    "license.suspended": "{License} was suspended",
    "license.expired": "{License} has expired",
    "license.revoked": "{License} was revoked",
    "activation.created": "{License} was activated{on}",
    "activation.deleted": "The activation of {license}{on} was removed",
    "activation.failed": "The activation of {license}{on} failed{because}",
    "product.created": "Product{name} was created",
    "product.updated": "Product{name} was changed{changes}",
    "product.deleted": "Product{name} was deleted",
    "contract.created": "Contract{name} was created",
    "contract.updated": "Contract{name} was changed{changes}",
    "contract.deleted": "Contract{name} was deleted",
    "contract.suspended": "Contract{name} was suspended",
    "telemetry.received": "Telemetry arrived{from_}",
    "telemetry.flagged": "Telemetry{from_} was flagged{flags}",
    "webhook.failing": "Webhook{webhook} is failing, and its deliveries wait",
    "webhook.recovered": "Webhook{webhook} works again",
    "webhook.throttled": "The endpoint of webhook{webhook} asked to slow down, and its deliveries wait",
    "webhook.disabled": "Webhook{webhook} was made inactive{because}",
    "delivery.failed": "A delivery{event} to webhook{webhook} was given up",
}


def title_of(event_type: str) -> str:
    """Return for example ``License activated``."""
    return words(event_type.replace(".", " "))


def sentence_of(event_type: str, data: Data, names: Writer) -> str:
    """Return the sentence of an event of any type. What its data doesn't tell is left out.

    Args:
        names: writes the names inside the sentence, and remembers whether it shortened one.
    """

    def name(text: str, before: str = " ", otherwise: str = "") -> str:
        return before + names.write(text, NAME_MAX_CHARACTERS) if text else otherwise

    key, own_name = first_text(data, *KEY), first_text(data, "name")
    if event_type not in SENTENCES:
        return title_of(event_type) + name(own_name or key or first_text(data, "id"), ": ")
    reason = first_text(data, "reason.message", "reason") or told(at(data, "reason.code"), words).lower()
    return SENTENCES[event_type].format(
        License=name(key, "License ", "A license"),
        license=name(key, "license ", "a license"),
        on=name(first_text(data, *DEVICE), " on "),
        from_=name(first_text(data, *DEVICE), " from "),
        to=name(first_text(data, "customer.name"), " to "),
        name=name(own_name),
        because=name(reason.rstrip("."), ": "),
        changes=name(", ".join(changed(data)).lower(), ": "),
        flags=name(told(data.get("flags"), words).lower(), ": "),
        webhook=name(first_text(data, "webhook.name")),
        event=name(first_text(data, "event.type"), " of "),
    )
