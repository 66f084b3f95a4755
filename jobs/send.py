"""Send: signed requests go out, and their results come back. Requests to targets are sent here only."""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from jobs.asked_wait import asked_seconds, values_of
from jobs.retry import is_back_pressure
from jobs.transport.client import Client
from jobs.transport.decode import Undecodable, as_utf8, decode
from jobs.transport.exchange import Exchange
from jobs.transport.failure import classify
from jobs.transport.handle import BODY_KEPT_BYTES
from webhooks_ui.deliveries.outcomes import Outcome

HEADERS_MAX_CHARACTERS = 16 * 1024

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Result:
    """The result of one request."""

    outcome: Outcome
    started_at: datetime
    duration_ms: int
    detail: str = ""
    response_code: int | None = None
    response_headers: list[tuple[str, str]] = field(default_factory=list)
    response_body: bytes | None = None
    response_truncated: bool = False
    address: str | None = None
    tls: str | None = None
    retry_after_seconds: int | None = None
    gone: str = ""  # why the endpoint will never take a request again, in a sentence
    slows_down: bool = False  # the endpoint asks us to slow down


class Sender(Client):
    """Sends any number of requests at a time, in the one thread that calls it. Keeps connections open between them."""

    def results(self, seconds: float) -> list[tuple[Any, Result]]:
        """Go on with all requests. Return the keys and results of those that are over, whatever their endpoints did.

        Args:
            seconds: how long to wait at most if none is over.
        """
        return [(exchange.key, _result(exchange)) for exchange in self.turn(seconds)]


def _result(exchange: Exchange) -> Result:
    outcome, detail = classify(exchange)
    result = Result(outcome, exchange.started_at, exchange.duration_ms, detail, exchange.status)
    if exchange.connection:
        result.address, result.tls = exchange.connection
    if exchange.status is not None:
        try:
            _read(exchange, result)
        except Exception as error:  # the thread would end, and with it all that is in flight
            logger.exception("An answer of %s can't be read", exchange.target.host)
            result.detail = result.detail or f"its answer can't be read: {error!r}"
    return result


def _read(exchange: Exchange, result: Result) -> None:
    """Put into the result what the answer says."""
    fields = [_field(line) for line in exchange.head]
    result.response_headers = _cut_headers(fields)
    body = bytes(exchange.body)
    if exchange.is_coded:
        try:
            body = decode(body, [*_codings(fields, "content-encoding"), *_codings(fields, "transfer-encoding")])
        except Undecodable as error:
            result.detail = result.detail or f"its body can't be decoded: {error}"
    body = as_utf8(body, next(values_of(fields, "content-type"), ""))
    result.response_body = body[:BODY_KEPT_BYTES]
    result.response_truncated = len(body) > BODY_KEPT_BYTES or (exchange.is_cut and bool(exchange.body))
    if result.outcome is Outcome.BAD_STATUS and exchange.status:
        result.retry_after_seconds = asked_seconds(exchange.status, fields)
        result.slows_down = is_back_pressure(exchange.status, result.retry_after_seconds)


def _field(line: bytes) -> tuple[str, str]:
    try:
        text = line.decode()
    except UnicodeDecodeError:
        text = line.decode("latin-1")  # whatever it is, nothing is lost
    name, _, value = text.partition(":")
    return name, value.strip()


def _codings(fields: Iterable[tuple[str, str]], name: str) -> Iterator[str]:
    return (coding.strip().lower() for value in values_of(fields, name) for coding in value.split(","))


def _cut_headers(items: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the first headers, as many as the log keeps."""
    kept, characters = [], 0
    for name, value in items:
        characters += len(name) + len(value)
        if characters > HEADERS_MAX_CHARACTERS:
            break
        kept.append((name, value))
    return kept
