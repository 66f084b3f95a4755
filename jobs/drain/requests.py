"""Requests: the deliveries that are out. Each is composed, gets a token if it wants one, is sent, and is understood."""

import logging
import time
from collections import deque
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from jobs.claim import Claimed
from jobs.compose import Request, Try, Uncomposable, request_of
from jobs.drain.tokens import Fetch, Tokens, fetch_of
from jobs.hide import hide
from jobs.oauth import NoToken
from jobs.record import Finished
from jobs.send import Result, Sender
from jobs.understand import understand
from webhooks_ui.deliveries.outcomes import Outcome

UNAUTHORIZED = 401
REFUSED_ANEW = "It refused a token that was fetched anew, too. Check the scope, the audience and the secret."

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Out:
    """A delivery that is out, with what its attempt needs until it ends.

    Args:
        seconds: for the whole attempt, with the token that it waits for.
    """

    delivery: Claimed
    seconds: float
    fetch: Fetch | None
    request: Request
    token: str = ""
    is_renewed: bool = False  # the endpoint refused a token, and another one was wanted
    began: float = field(default_factory=time.monotonic)
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def seconds_left(self) -> float:
        return self.began + self.seconds - time.monotonic()


class Requests:
    """Used by the sending thread alone.

    Args:
        timeout_seconds: for a whole attempt, unless its webhook has a timeout of its own.
        portal: the portal's address, for links to deliveries. ``None``: there are no links.
    """

    def __init__(self, sender: Sender, timeout_seconds: float, portal: str | None) -> None:
        self._sender = sender
        self._timeout_seconds = timeout_seconds
        self._portal = portal
        self._tokens = Tokens(sender)
        self._ready: deque[Out] = deque()  # have got a token that they waited for, or need another one
        self._finished: list[Finished] = []  # without an answer of their endpoints

    def start(self, delivery: Claimed) -> None:
        """Send ``delivery``, as soon as there is a token if it wants one. A later ``turn`` returns it."""
        seconds = delivery.target.timeout_seconds or self._timeout_seconds
        self._go(Out(delivery, seconds, fetch_of(delivery.target), Request({}, delivery.body)))

    def go_on(self) -> None:
        """Go on with those whose wait for a token is over, or whose token was refused."""
        while self._ready:
            self._go(self._ready.popleft())

    def turn(self, seconds: float) -> list[Finished]:
        """Go on with all requests. Return the deliveries that are over.

        Args:
            seconds: how long to wait at most if none is over.
        """
        for key, result in self._sender.results(0.0 if self._finished else seconds):
            if isinstance(key, Fetch):
                self._take_token(*self._tokens.answer(key, result), result)
            else:
                self._take(key, result)
        finished, self._finished = self._finished, []
        return finished

    def _go(self, out: Out) -> None:
        """Send, or wait for a token first."""
        delivery, left = out.delivery, out.seconds_left
        try:
            if out.fetch and not out.token:
                out.token = self._tokens.of(out.fetch)
            waits = out.fetch if not out.token else None
            if left <= 0 and not waits:
                self._end(out, Result(Outcome.TIMEOUT, out.started_at, 0))
                return
            options = delivery.target.options
            carried = options.with_token(out.token) if out.token else options
            attempt = Try(delivery.attempt, int(time.time()), delivery.target.keys, delivery.trace.sent_on)
            request = request_of(carried, delivery.outgoing(self._portal), attempt)  # or why there can be none
            if waits:
                self._tokens.wait(waits, out, max(0.001, left))
            else:
                out.request = request
                self._sender.start(out, delivery.target.url, *request, left, options.client_certificate)
        except Uncomposable as error:
            self._end(out, Result(error.outcome, datetime.now(UTC), 0, str(error)))
        except Exception as error:  # the slot and the delivery would never be freed
            self._finished.append((delivery, out.request, _failed(delivery, error)))

    def _take(self, out: Out, result: Result) -> None:
        """Take the answer of an endpoint. If it refused the token, get another one and send again, once."""
        if not out.fetch or result.response_code != UNAUTHORIZED:
            self._end(out, result)
        elif out.is_renewed:
            self._end(out, replace(result, detail=result.detail or REFUSED_ANEW))
        else:
            out.is_renewed = True
            self._tokens.refuse(out.fetch, out.token)
            out.token = ""  # another delivery may have got the next one meanwhile
            self._ready.append(out)

    def _take_token(self, waiting: list[Out], token: str | NoToken, result: Result) -> None:
        """Go on with those that waited for a token. The ``result`` is that of the request to the token endpoint."""
        for out in waiting:
            if isinstance(token, NoToken):
                told = token.outcome, result.started_at, result.duration_ms, str(token)
                self._end(out, Result(*told, retry_after_seconds=result.retry_after_seconds))
            else:
                out.token = token
                self._ready.append(out)

    def _end(self, out: Out, result: Result) -> None:
        """Note the result as it is recorded: with what the answer says, of the whole attempt, and without secrets."""
        delivery, options = out.delivery, out.delivery.target.options
        if out.fetch and result.outcome != Outcome.NOT_COMPOSED:
            ended = round((time.monotonic() - out.began) * 1_000)
            result = replace(result, started_at=out.started_at, duration_ms=ended)
        secrets = options.with_token(out.token).own_headers if out.token else options.own_headers
        try:
            # Hidden first, because what is understood may be a part of the answer, which ends within a secret.
            understood = understand(delivery.target.url, options.format, hide(result, secrets))
        except Exception as error:  # the thread would end, and with it all that is in flight
            understood = _failed(delivery, error)
        self._finished.append((delivery, out.request, understood))


def _failed(delivery: Claimed, error: Exception) -> Result:
    """Return the result of a delivery that failed for a reason of our own, and log the reason."""
    logger.error("Delivery %d could not be sent", delivery.id, exc_info=error)
    return Result(Outcome.CONNECTION_FAILED, datetime.now(UTC), 0, f"Internal error: {error!r}")
