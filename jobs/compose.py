"""Compose: the request of one attempt, as the webhook's options want it. The preview of the form composes, too."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from jobs.sign import sign
from jobs.transport.exchange import ClientCertificate
from webhooks_ui.deliveries.outcomes import Outcome
from webhooks_ui.deliveries.request_headers import Sent, headers_of
from webhooks_ui.events.formats import FORMATS
from webhooks_ui.events.formats.outgoing import Outgoing
from webhooks_ui.models import WebhookFormat
from webhooks_ui.webhooks.oauth import OAuthClient
from webhooks_ui.webhooks.own_headers import MASK, OwnHeader


class Uncomposable(ValueError):
    """The webhook's options can't be honored. The message is a sentence."""

    def __init__(self, message: str, outcome: Outcome = Outcome.NOT_COMPOSED) -> None:
        super().__init__(message)
        self.outcome = outcome


AUTHORIZATION = "Authorization"


@dataclass(frozen=True, slots=True)
class Options:
    """What the settings of a webhook say about its requests."""

    format: str = WebhookFormat.JSON
    own_headers: tuple[OwnHeader, ...] = ()  # with that of the authentication, but for OAuth
    oauth: OAuthClient | None = None  # fetches the token that each request carries
    client_certificate: ClientCertificate | None = None
    unusable: str = ""  # why no request can be made, in a sentence
    lost_certificate: str = ""  # why there is no client certificate although there must be one, likewise

    def with_token(self, token: str) -> "Options":
        """Return the options of a request that carries ``token`` (RFC 6750, 2.1)."""
        return replace(self, own_headers=(*self.own_headers, OwnHeader(AUTHORIZATION, f"Bearer {token}")))

    def masked(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Return the headers of a request as the log keeps them."""
        secret = {header.name.lower() for header in self.own_headers}
        if self.oauth:
            secret.add(AUTHORIZATION.lower())
        return {name: MASK if name.lower() in secret else value for name, value in headers.items()}


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
    if options.lost_certificate:
        raise Uncomposable(options.lost_certificate, Outcome.CERTIFICATE_UNUSABLE)
    format = FORMATS.get(options.format)
    if format is None:
        raise Uncomposable(f"There is no format {options.format[:16]!r}. Choose another one for the webhook.")
    body = format.render(event)
    signature = sign(event.id, attempt.timestamp, body, attempt.keys) if format.is_signed else ""
    what = event.id, event.type, event.environment, len(body), attempt.number, attempt.timestamp, signature
    sent = Sent(*what, event.is_test, attempt.traceparent, is_replay=event.is_replay)
    own = {header.name.lower() for header in options.own_headers}  # they replace ours of the same name, such as Accept
    ours = {name: value for name, value in headers_of(sent, format.content_type).items() if name.lower() not in own}
    return Request(ours | dict(options.own_headers), body)


def link_of(delivery_id: int, portal: str | None) -> str | None:
    """Return the address of the page of a delivery.

    Args:
        portal: the portal's address without a slash at its end. ``None``: it is not known, and there is no link.
    """
    return f"{portal}/admin/webhook-deliveries/{delivery_id}" if portal else None
