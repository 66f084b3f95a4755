"""Compose: the request of one attempt, as the webhook's options want it. The preview of the form composes, too."""

from dataclasses import dataclass
from typing import NamedTuple

from jobs import sign
from webhooks_ui.events.formats import FORMATS
from webhooks_ui.events.formats.outgoing import Outgoing
from webhooks_ui.models import WebhookFormat
from webhooks_ui.webhooks.own_headers import OwnHeader


class Uncomposable(ValueError):
    """The webhook's options can't be honored. The message is a sentence."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the settings of a webhook say about its requests."""

    format: str = WebhookFormat.JSON
    own_headers: tuple[OwnHeader, ...] = ()  # with that of the authentication
    unusable: str = ""  # why no request can be made, in a sentence


DEFAULTS = Options()


class Request(NamedTuple):
    headers: dict[str, str]
    body: bytes


class Try(NamedTuple):
    """What differs between the attempts of a delivery."""

    number: int  # from 1
    timestamp: int  # Unix seconds
    keys: tuple[bytes, ...]  # that sign, the newest first
    traceparent: str | None = None  # sent on to the endpoint, if there is one


def request_of(options: Options, event: Outgoing, attempt: Try) -> Request:
    """Return what is sent. The body depends on ``options`` and ``event`` alone, so that all attempts send the same.

    Raises:
        Uncomposable: the options can't be honored.
    """
    if options.unusable:
        raise Uncomposable(options.unusable)
    format = FORMATS.get(options.format)
    if format is None:
        raise Uncomposable(f"There is no format {options.format[:16]!r}. Choose another one for the webhook.")
    body = format.render(event)
    if not format.is_signed:
        return Request(_with_own(sign.unsigned_headers(event.id, body, format.content_type), options), body)
    headers = sign.headers(
        event.id,
        event.type,
        event.environment,
        body,
        timestamp=attempt.timestamp,
        attempt=attempt.number,
        keys=attempt.keys,
        is_test=event.is_test,
        content_type=format.content_type,
        traceparent=attempt.traceparent,
    )
    return Request(_with_own(headers, options), body)


def _with_own(headers: dict[str, str], options: Options) -> dict[str, str]:
    """Return the headers with those of the webhook, which replace ours of the same name, such as Accept."""
    own = {header.name.lower() for header in options.own_headers}
    return {name: value for name, value in headers.items() if name.lower() not in own} | dict(options.own_headers)


def link_of(delivery_id: int, portal: str | None) -> str | None:
    """Return the address of the page of a delivery.

    Args:
        portal: the portal's address without a slash at its end. ``None``: it is not known, and there is no link.
    """
    return f"{portal}/admin/webhook-deliveries/{delivery_id}" if portal else None
