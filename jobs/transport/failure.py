"""What an error of a request means: its outcome, and the words of the error that tell most."""

import errno
import http.client
import ssl
from collections.abc import Iterator

from urllib3.exceptions import HTTPError

from jobs.transport.connection import BlockedAddress
from jobs.transport.resolve import NameNotResolved
from webhooks_ui.deliveries.outcomes import Outcome

DETAIL_MAX_CHARACTERS = 300
_STALE = (errno.ECONNRESET, errno.EPIPE, errno.ECONNABORTED)


def is_stale(error: BaseException) -> bool:
    """Whether a kept connection was closed by the server before it gave a byte of this answer."""
    return any(
        isinstance(cause, http.client.RemoteDisconnected) or getattr(cause, "errno", None) in _STALE
        for cause in _causes(error)
    )


def classify(error: BaseException, answered: bool) -> tuple[Outcome, str]:
    """The outcome of a failed request, and the words of the error that tell most."""
    causes = list(_causes(error))
    found = ((cause, outcome) for kind, outcome in _OUTCOMES for cause in causes if isinstance(cause, kind))
    cause, outcome = next(found, (error, Outcome.CONNECTION_FAILED))
    if outcome is Outcome.CONNECTION_FAILED and answered:
        outcome = Outcome.RESPONSE_BROKEN
    if outcome in (Outcome.REFUSED, Outcome.TIMEOUT):
        return outcome, ""
    return outcome, _words(cause)[:DETAIL_MAX_CHARACTERS]


_OUTCOMES: tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], Outcome], ...] = (
    (BlockedAddress, Outcome.BLOCKED_ADDRESS),
    (NameNotResolved, Outcome.DNS_FAILED),
    (ssl.SSLError, Outcome.TLS_FAILED),
    (TimeoutError, Outcome.TIMEOUT),
    (ConnectionRefusedError, Outcome.REFUSED),
    (http.client.RemoteDisconnected, Outcome.CONNECTION_FAILED),
    ((HTTPError, http.client.HTTPException), Outcome.RESPONSE_BROKEN),
    (OSError, Outcome.CONNECTION_FAILED),
)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and all that it was made of: urllib3 and requests wrap it several times over."""
    pending, seen = [error], set()
    while pending:
        cause = pending.pop(0)
        if id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        inner = [*cause.args, getattr(cause, "reason", None), cause.__cause__, cause.__context__]
        pending.extend(item for item in inner if isinstance(item, BaseException))


def _words(error: BaseException) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    if isinstance(error, ssl.SSLError) and error.reason:
        return error.reason.replace("_", " ").lower()
    return str(error) or type(error).__name__
