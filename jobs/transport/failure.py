"""What the end of an exchange means: its outcome, and the words that tell most about what went wrong."""

import errno
import os
import re

import pycurl

from jobs.transport.exchange import BROKEN_OFF, Exchange
from jobs.transport.handle import TOO_LARGE
from webhooks_ui.deliveries.outcomes import NO_CONNECTION, NO_NAME, NO_TUNNEL, Outcome

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
    92,  # CURLE_HTTP2_STREAM. pycurl has no name for it
    TOO_LARGE,
}
# The alerts by which endpoints say that a client certificate is missing or not good enough (RFC 8446, 6.2)
_REFUSALS = {
    42: "bad certificate",
    43: "unsupported certificate",
    44: "certificate revoked",
    45: "certificate expired",
    46: "certificate unknown",
    48: "unknown CA",
    49: "access denied",
    51: "decrypt error",
    116: "certificate required",
}
_HANDSHAKE_FAILURE = 40  # what TLS 1.2 has for a missing certificate
_NO_PAIR = {pycurl.E_SSL_CERTPROBLEM, pycurl.E_BAD_FUNCTION_ARGUMENT}  # our own certificate or key can't be loaded
# nginx accepts any certificate at first, and then answers 400. Its own codes for that are 495 and 496.
_REFUSING_CODES = {400, 495, 496}
_REFUSING_WORDS = re.compile(rb"The SSL certificate error|No required SSL certificate was sent")
WANTS_CERTIFICATE = "The endpoint wants a client certificate, and the webhook has none. Set one in the webhook."
_OTHER_NAME = re.compile(r"no alternative certificate subject name matches|does not match target host ?name")
_WHERE = re.compile(
    r"^(SSL certificate problem|SSL certificate OpenSSL verify result|TLS connect error|SSL|OpenSSL SSL_[a-z]+): "
    r"(OpenSSL/[0-9.]+: )?(error:[0-9A-F]+:[^:]*:[^:]*:)?| \(\d+\)$|, errno \d+$"
)
_ENDED = "unexpected eof"  # in the message, if the endpoint ended the connection as TCP does, without a word of TLS


def classify(exchange: Exchange) -> tuple[Outcome, str]:
    """Return the outcome of the exchange, and the words that tell most about what went wrong.

    An answer counts from its status line on. What happens after that is noted.
    """
    outcome, words = _outcome(exchange)
    return outcome, words[:DETAIL_MAX_CHARACTERS]


def _outcome(exchange: Exchange) -> tuple[Outcome, str]:
    host, error = exchange.target.host, exchange.error
    if found := _refusal(exchange):
        return found
    if exchange.status is not None:
        outcome = Outcome.DELIVERED if 200 <= exchange.status < 300 else Outcome.BAD_STATUS
        return outcome, "" if error is None or exchange.is_cut else _unfinished(exchange)
    if exchange.blocked:
        return Outcome.BLOCKED_ADDRESS, exchange.blocked
    if exchange.failure:
        return Outcome.CONNECTION_FAILED, getattr(exchange.failure, "strerror", "") or repr(exchange.failure)
    if error == pycurl.E_OPERATION_TIMEDOUT:
        return Outcome.TIMEOUT, _unsent(exchange)
    if error == pycurl.E_COULDNT_RESOLVE_HOST:
        return Outcome.DNS_FAILED, exchange.message
    if exchange.is_unnamed or _OTHER_NAME.search(exchange.message):
        return Outcome.TLS_FAILED, f"the certificate is not valid for {host}"
    if exchange.client_certificate and error in _NO_PAIR:
        return Outcome.CERTIFICATE_UNUSABLE, _words(exchange)
    if error in _TLS_FAILED and not _was_broken_off(exchange):
        return Outcome.TLS_FAILED, _words(exchange)
    if error == pycurl.E_COULDNT_CONNECT and exchange.os_error == errno.ECONNREFUSED and not exchange.is_proxied:
        return Outcome.REFUSED, ""
    is_answer = error in _RESPONSE_BROKEN and not exchange.is_held_by_proxy
    return Outcome.RESPONSE_BROKEN if is_answer else Outcome.CONNECTION_FAILED, _words(exchange)


def _refusal(exchange: Exchange) -> tuple[Outcome, str] | None:
    """Return the outcome and words if the endpoint refused our client certificate, or wants one.

    With TLS 1.3 the connection is made before the endpoint has seen the certificate (RFC 8446, 2). Its alert may then
    be lost, if it closes the connection while our request arrives.
    """
    pair = exchange.client_certificate
    if exchange.status is not None:
        if exchange.status not in _REFUSING_CODES or not _REFUSING_WORDS.search(exchange.body):
            return None
        words = f"it answered {exchange.status}"
        return (Outcome.CERTIFICATE_REFUSED, words) if pair else (Outcome.BAD_STATUS, WANTS_CERTIFICATE)
    if not exchange.wants_certificate:
        return None
    if exchange.alert in _REFUSALS:
        words = f"it says: {_REFUSALS[exchange.alert]}"
    elif _was_broken_off(exchange) and exchange.alert is None:
        words = "it asked for the certificate, and then ended the connection"
    elif pair is None and exchange.alert == _HANDSHAKE_FAILURE:
        words = ""
    else:
        return None
    return (Outcome.CERTIFICATE_REFUSED, words) if pair else (Outcome.TLS_FAILED, WANTS_CERTIFICATE)


def _was_broken_off(exchange: Exchange) -> bool:
    """Return True if the connection ended, also while TLS was agreed on, which says nothing about a certificate."""
    is_in_handshake = exchange.error == pycurl.E_SSL_CONNECT_ERROR
    return exchange.error in BROKEN_OFF or (is_in_handshake and (exchange.os_error > 0 or _ENDED in exchange.message))


def _unsent(exchange: Exchange) -> str:
    """Return what a request waited for that timed out before it was sent. Return nothing if it was sent."""
    if not exchange.addresses:
        return NO_NAME
    if exchange.is_held_by_proxy:
        return NO_TUNNEL
    return "" if exchange.sendings else NO_CONNECTION


def _unfinished(exchange: Exchange) -> str:
    if exchange.error == pycurl.E_OPERATION_TIMEDOUT:
        return "its answer did not end in time"
    return exchange.complaint or f"its answer broke off: {_words(exchange)}"


def _words(exchange: Exchange) -> str:
    if exchange.complaint:
        return exchange.complaint
    if exchange.is_held_by_proxy and exchange.proxy_status:
        return f"the egress proxy answered {exchange.proxy_status}"
    words = os.strerror(exchange.os_error) if exchange.os_error else _WHERE.sub("", exchange.message)
    return f"the egress proxy: {words}" if exchange.is_held_by_proxy else words
