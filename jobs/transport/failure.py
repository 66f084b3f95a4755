"""What the end of an exchange means: its outcome, and the words that tell most about what went wrong."""

import errno
import os
import re

import pycurl

from jobs.transport.exchange import Exchange
from webhooks_ui.deliveries.outcomes import Outcome

DETAIL_MAX_CHARACTERS = 300

_TLS_FAILED = {
    pycurl.E_SSL_CONNECT_ERROR,
    pycurl.E_PEER_FAILED_VERIFICATION,
    pycurl.E_SSL_CERTPROBLEM,
    pycurl.E_SSL_CIPHER,
    pycurl.E_SSL_ISSUER_ERROR,
    pycurl.E_SSL_INVALIDCERTSTATUS,
}
# Only these say that an answer was no HTTP. What else may go wrong happens before the request has left.
_RESPONSE_BROKEN = {
    pycurl.E_UNSUPPORTED_PROTOCOL,
    pycurl.E_FTP_WEIRD_SERVER_REPLY,
    pycurl.E_PARTIAL_FILE,
    pycurl.E_WRITE_ERROR,
    pycurl.E_HTTP2,
    92,  # CURLE_HTTP2_STREAM. pycurl has no names for this one and the next
    100,  # CURLE_TOO_LARGE
}
_OTHER_NAME = re.compile(r"no alternative certificate subject name matches|does not match target host ?name")
_WHERE = re.compile(
    r"^(SSL certificate problem|SSL certificate OpenSSL verify result|TLS connect error|SSL): | \(\d+\)$"
)


def classify(exchange: Exchange) -> tuple[Outcome, str]:
    """Return the outcome of the exchange, and the words that tell most about what went wrong.

    An answer counts from its status line on. What happens after that is noted.
    """
    outcome, words = _outcome(exchange)
    return outcome, words[:DETAIL_MAX_CHARACTERS]


def _outcome(exchange: Exchange) -> tuple[Outcome, str]:
    host, error = exchange.request.target.host, exchange.error
    if exchange.status is not None:
        outcome = Outcome.DELIVERED if 200 <= exchange.status < 300 else Outcome.BAD_STATUS
        return outcome, "" if error is None or exchange.is_cut else _unfinished(exchange)
    if exchange.blocked:
        return Outcome.BLOCKED_ADDRESS, exchange.blocked
    if exchange.failure:
        return Outcome.CONNECTION_FAILED, getattr(exchange.failure, "strerror", "") or repr(exchange.failure)
    if error == pycurl.E_OPERATION_TIMEDOUT:
        return Outcome.TIMEOUT, ""
    if error == pycurl.E_COULDNT_RESOLVE_HOST:
        return Outcome.DNS_FAILED, exchange.message
    if exchange.is_unnamed or _OTHER_NAME.search(exchange.message):
        return Outcome.TLS_FAILED, f"the certificate is not valid for {host}"
    if error in _TLS_FAILED:
        return Outcome.TLS_FAILED, _words(exchange)
    if error == pycurl.E_COULDNT_CONNECT and exchange.os_error == errno.ECONNREFUSED and not exchange.is_proxied:
        return Outcome.REFUSED, ""
    return Outcome.RESPONSE_BROKEN if error in _RESPONSE_BROKEN else Outcome.CONNECTION_FAILED, _words(exchange)


def _unfinished(exchange: Exchange) -> str:
    if exchange.error == pycurl.E_OPERATION_TIMEDOUT:
        return "its answer did not end in time"
    return exchange.complaint or f"its answer broke off: {_words(exchange)}"


def _words(exchange: Exchange) -> str:
    if exchange.complaint:
        return exchange.complaint
    if exchange.proxy_status:
        return f"the egress proxy answered {exchange.proxy_status}"
    words = os.strerror(exchange.os_error) if exchange.os_error else _WHERE.sub("", exchange.message)
    return f"the egress proxy: {words}" if exchange.is_proxied else words
