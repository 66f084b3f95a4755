"""Tokens: fetched for the webhooks that want one, kept until shortly before they end, and shared by their deliveries.

Any number of deliveries of a webhook wait for one request to its token endpoint, among all others in flight. So an
endpoint that hangs holds up its own webhooks alone. ``Tokens`` belongs to the sending thread.
"""

import logging
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from jobs.oauth import NoToken, read_token, token_request
from jobs.send import Result, Sender
from jobs.target import Target
from jobs.transport.exchange import ClientCertificate
from webhooks_ui.deliveries.outcomes import Outcome
from webhooks_ui.webhooks.oauth import OAuthClient

KEPT_MAX = 10_000  # tokens

logger = logging.getLogger(__name__)


class Fetch(NamedTuple):
    """What a token is fetched for. A webhook that is edited gets another one.

    A token may be bound to the client certificate (RFC 8705, 3).
    """

    webhook_id: int
    client: OAuthClient
    client_certificate: ClientCertificate | None


@dataclass(slots=True)
class Known:
    """A token, or the wait for one."""

    text: str = ""
    ends: float = 0.0  # when it may be used no longer, on the monotonic clock
    is_fetched: bool = False  # a request for it is under way
    waiting: list[Any] = field(default_factory=list)


class Tokens:
    def __init__(self, sender: Sender) -> None:
        self._sender = sender
        self._known: OrderedDict[Fetch, Known] = OrderedDict()  # the one that was used last comes last

    def of(self, fetch: Fetch) -> str:
        """Return a token that may be used now, or an empty text."""
        known = self._known.get(fetch)
        if known is None or known.is_fetched or known.ends <= time.monotonic():
            return ""
        self._known.move_to_end(fetch)
        return known.text

    def wait(self, fetch: Fetch, waiting: Any, seconds: float) -> None:
        """Let ``waiting`` wait for a token. Ask for one, unless a request is under way.

        Args:
            seconds: for the whole request, if it is made now.
        """
        known = self._known.setdefault(fetch, Known())
        if not known.is_fetched:
            url = fetch.client.grant.token_url
            self._sender.start(fetch, url, *token_request(fetch.client), seconds, fetch.client_certificate)
            known.is_fetched = True
        known.waiting.append(waiting)

    def refuse(self, fetch: Fetch, token: str) -> None:
        """Forget ``token``, which the endpoint refused."""
        known = self._known.get(fetch)
        if known and not known.is_fetched and known.text == token:
            known.ends = 0.0

    def answer(self, fetch: Fetch, result: Result) -> tuple[list[Any], str | NoToken]:
        """Take the answer of a token endpoint. Return who waited for it, and the token or why there is none."""
        known = self._known[fetch]
        known.is_fetched = False
        waiting, known.waiting = known.waiting, []
        try:
            token = read_token(result, fetch.client)
        except NoToken as failure:
            del self._known[fetch]
            return waiting, failure
        except Exception as error:  # the thread would end, and with it all that is in flight
            logger.exception("An answer of the token endpoint of webhook %d can't be read", fetch.webhook_id)
            del self._known[fetch]
            return waiting, NoToken(Outcome.TOKEN_BROKEN, f"Its answer can't be read: {error!r}.")
        known.text, known.ends = token.text, time.monotonic() + token.seconds
        self._known.move_to_end(fetch)
        self._forget_oldest()
        return waiting, token.text

    def _forget_oldest(self) -> None:
        while len(self._known) > KEPT_MAX:
            oldest = next((fetch for fetch, known in self._known.items() if not known.is_fetched), None)
            if oldest is None:
                return
            del self._known[oldest]


def fetch_of(target: Target) -> Fetch | None:
    """Return what a token is fetched for, or ``None`` if the webhook wants none."""
    client = target.options.oauth
    return Fetch(target.id, client, target.options.client_certificate) if client else None
