"""Send: one signed request goes out, and its result comes back. Requests to targets are sent here only."""

import email.utils
import http.client
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from requests import PreparedRequest
from urllib3 import HTTPHeaderDict, HTTPResponse
from urllib3.util import Url, parse_url

from jobs.retry import is_back_pressure
from jobs.transport.answer import Answer
from jobs.transport.connection import VettedAdapter
from jobs.transport.deadline import deadline
from jobs.transport.failure import classify, is_stale
from webhooks_ui.deliveries.outcomes import Outcome
from webhooks_ui.webhooks.targets import Network

RESPONSE_BODY_MAX_BYTES = 10 * 1024
HEADERS_MAX_CHARACTERS = 16 * 1024


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

    @property
    def slows_down(self) -> bool:
        """Whether the endpoint asks us to slow down."""
        return is_back_pressure(self.response_code, self.retry_after_seconds)


class Sender:
    """Sends from any number of threads, and keeps connections open between requests.

    Args:
        allowed: networks that may be targets even if they are private, and by plain http.
        timeout_seconds: for a whole request, from the resolution of the name to the end of the answer, unless the
            webhook has a timeout of its own.
        connections: requests at a time. A few times as many connections are kept open, over all hosts.
    """

    def __init__(self, allowed: Sequence[Network], timeout_seconds: float, connections: int) -> None:
        self._timeout_seconds = timeout_seconds
        self._adapter = VettedAdapter(allowed, connections)

    def send(self, url: str, headers: Mapping[str, str], body: bytes, timeout_seconds: float | None = None) -> Result:
        """POST ``body`` and return the result within the timeout. Raise nothing, whatever the endpoint does."""
        result = Result(Outcome.DELIVERED, datetime.now(UTC), 0)
        started = time.monotonic()
        deadline.start(timeout_seconds or self._timeout_seconds)
        try:
            self._exchange(_parsed(url), headers, body, result)
        except Exception as error:  # every failure is an outcome, because a dead thread would lose its delivery
            result.outcome, result.detail = classify(error, result.response_code is not None)
        result.duration_ms = round((time.monotonic() - started) * 1_000)
        return result

    def _exchange(self, url: Url, headers: Mapping[str, str], body: bytes, result: Result) -> None:
        connection = self._adapter.take(url)
        try:
            try:
                answer = connection.exchange(url.request_uri, headers, body)
            except OSError as error:
                if not (connection.reused and not connection.answered and is_stale(error)):
                    raise
                connection.close()  # the server closed the kept connection during the request: retry on a new one
                answer = connection.exchange(url.request_uri, headers, body)
            result.response_code = answer.status
            result.response_headers = _cut_headers(answer.getheaders())
            result.response_body, result.response_truncated = _read(answer)
        except BaseException:
            connection.close()
            raise
        finally:
            result.address, result.tls = connection.peer, connection.tls
        if not answer.leaves_connection_usable:
            connection.close()  # the rest of the answer is not read
        self._adapter.keep(url, connection)
        if not 200 <= answer.status < 300:
            result.outcome = Outcome.BAD_STATUS
            result.retry_after_seconds = retry_after_seconds(answer.getheader("Retry-After"), answer.getheader("Date"))


def retry_after_seconds(value: str | None, date: str | None = None) -> int | None:
    """Return the seconds that ``Retry-After`` asks for: a number, or a date (RFC 9110, 10.2.3), or ``None``.

    Args:
        date: the answer's own ``Date``. A date is read against it, for the endpoint's clock may be wrong.
    """
    if not value:
        return None
    value = value.strip()
    if value.isascii() and value.isdigit():
        return int(value[:9])
    at = _http_date(value)
    if at is None:
        return None
    answered_at = _http_date(date or "") or datetime.now(UTC)
    return max(0, round((at - answered_at).total_seconds()))


def _http_date(text: str) -> datetime | None:
    try:
        at = email.utils.parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


@lru_cache(maxsize=1_024)
def _parsed(url: str) -> Url:
    """Return the parts of the URL as ``requests`` writes them: international names as punycode, spaces escaped."""
    prepared = PreparedRequest()
    prepared.prepare_url(url, None)
    return parse_url(str(prepared.url))


def _read(answer: Answer) -> tuple[bytes, bool]:
    """Return the first bytes of the decoded body, and whether there was more."""
    if answer.getheader("Content-Encoding", "identity").lower() != "identity":
        return _decode(answer)
    body = answer.read(RESPONSE_BODY_MAX_BYTES + 1)
    if answer.length and len(body) <= RESPONSE_BODY_MAX_BYTES:
        raise http.client.IncompleteRead(body, answer.length)
    return body[:RESPONSE_BODY_MAX_BYTES], len(body) > RESPONSE_BODY_MAX_BYTES


def _decode(answer: Answer) -> tuple[bytes, bool]:
    """Return the same for a compressed body, which an endpoint may send although none was asked for.

    Decode no more of it than is kept, to save memory.
    """
    headers = HTTPHeaderDict(answer.getheaders())
    decoding = HTTPResponse(answer, headers, preload_content=False, original_response=answer)
    body = b""
    while len(body) <= RESPONSE_BODY_MAX_BYTES:
        deadline.left()
        piece = decoding.read(RESPONSE_BODY_MAX_BYTES + 1 - len(body), decode_content=True)
        if not piece:
            return body, False
        body += piece
    return body[:RESPONSE_BODY_MAX_BYTES], True


def _cut_headers(items: Any) -> list[tuple[str, str]]:
    """Return the first headers, as many as the log keeps."""
    kept, characters = [], 0
    for name, value in items:
        characters += len(name) + len(value)
        if characters > HEADERS_MAX_CHARACTERS:
            break
        kept.append((name, value))
    return kept
