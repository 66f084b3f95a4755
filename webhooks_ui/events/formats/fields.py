"""The main fields of an event's data, with words for their names."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from webhooks_ui.events.formats.sentences import DEVICE, KEY
from webhooks_ui.events.formats.values import Data, at, changes, enough, label, moment_words, told
from webhooks_ui.events.operational import outcome_words
from webhooks_ui.models.visible import words


class Field(NamedTuple):
    label: str
    value: str


def fields_of(event_type: str, data: Data) -> Iterator[Field]:
    """Yield the main fields of an event of any type, and what changed. Data without main fields is told as it is."""
    main = _MAIN.get(event_type.partition(".")[0], {})
    found = [Field(label, value) for label, tell in main.items() if (value := tell(data))]
    yield from found
    if changed := "; ".join(enough(changes(data))):
        yield Field("Changed", changed)
    if not found:
        others = ((name, told(value)) for name, value in data.items() if name != "previous")
        yield from (Field(label(name), value) for name, value in others if value)


def _plain(*paths: str) -> Callable[[Data], str]:
    """Return a function that tells the first value at one of the paths."""
    return lambda data: next((value for path in paths if (value := told(at(data, path)))), "")


def _code(path: str) -> Callable[[Data], str]:
    """Return a function that tells a name of ours, such as ``limit_reached``, in words."""
    return lambda data: told(at(data, path), words)


def _share(path: str, whole: str) -> Callable[[Data], str]:
    """Return a function that tells a count and its limit: ``1 of 3``."""

    def tell(data: Data) -> str:
        count, limit = told(data.get(path)), told(data.get(whole))
        if not count or not limit:
            return count
        return f"{count}, unlimited" if limit == "-1" else f"{count} of {limit}"

    return tell


def _expiry(data: Data) -> str:
    value = data.get("expires_at", "")
    return "Never" if value is None else moment_words(value)


def _moment(path: str) -> Callable[[Data], str]:
    """Return a function that tells a time in words."""
    return lambda data: moment_words(at(data, path))


def _last_answer(data: Data) -> str:
    """Return how the last attempt ended: the status code, or the outcome in words if there was no answer."""
    return told(at(data, "last_attempt.response_code")) or told(at(data, "last_attempt.outcome"), outcome_words)


_LICENSE_KEY, _DEVICE, _PRODUCT, _STATUS = _plain(*KEY), _plain(*DEVICE), _plain("product.name"), _code("status")
_MAIN: dict[str, dict[str, Callable[[Data], str]]] = {
    "license": {
        "License key": _LICENSE_KEY,
        "Product": _PRODUCT,
        "Customer": _plain("customer.name"),
        "Device or domain": _DEVICE,
        "Status": _STATUS,
        "Activations": _share("activations_count", "activation_limit"),
        "Expires": _expiry,
    },
    "activation": {
        "License key": _LICENSE_KEY,
        "Product": _PRODUCT,
        "Device or domain": _DEVICE,
        "IP address": _plain("ip_address"),
        "Status": _STATUS,
        "Reason": _code("reason.code"),
    },
    "product": {"Product": _plain("name"), "Description": _plain("description"), "Status": _STATUS},
    "contract": {
        "Contract": _plain("name"),
        "Type": _code("type"),
        "Product": _PRODUCT,
        "Status": _STATUS,
        "Licenses used": _share("licenses_used", "license_quota"),
        "Expires": _expiry,
    },
    "telemetry": {
        "License key": _LICENSE_KEY,
        "Device or domain": _DEVICE,
        "Product": _PRODUCT,
        "Version": _plain("product_version"),
        "Flags": _code("flags"),
        "Data group": _plain("data_group"),
        "Data": _plain("data"),
    },
    "webhook": {
        "Webhook": _plain("webhook.name"),
        "Endpoint": _plain("webhook.host"),
        "Failing since": _moment("failing_since"),
        "Failures in a row": _plain("failures_in_a_row"),
        "Last answer": _last_answer,
        "Waits until": _moment("until"),
        "Reason": _plain("reason"),
    },
    "delivery": {
        "Webhook": _plain("webhook.name"),
        "Endpoint": _plain("webhook.host"),
        "Event type": _plain("event.type"),
        "Event": _plain("event.id"),
        "Attempts": _plain("delivery.attempts"),
        "Last answer": _last_answer,
    },
}
