"""The outcomes that an attempt can have, with an explanation and advice for each."""

from enum import StrEnum
from http import HTTPStatus

from webhooks_ui.events.operational import outcome_words


class Outcome(StrEnum):
    DELIVERED = "delivered"
    BAD_STATUS = "bad_status"
    TIMEOUT = "timeout"
    DNS_FAILED = "dns_failed"
    REFUSED = "refused"
    TLS_FAILED = "tls_failed"
    CONNECTION_FAILED = "connection_failed"
    BLOCKED_ADDRESS = "blocked_address"
    RESPONSE_BROKEN = "response_broken"
    NOT_COMPOSED = "not_composed"
    CERTIFICATE_REFUSED = "certificate_refused"
    CERTIFICATE_UNUSABLE = "certificate_unusable"
    TOKEN_UNREACHABLE = "token_unreachable"  # noqa: S105 (no password)
    TOKEN_REFUSED = "token_refused"  # noqa: S105 (no password)
    TOKEN_BROKEN = "token_broken"  # noqa: S105 (no password)
    TOKEN_UNUSABLE = "token_unusable"  # noqa: S105 (no password)


EXPLANATIONS = {
    Outcome.DELIVERED: "The endpoint accepted the event.",
    Outcome.BAD_STATUS: "The endpoint answered, but not with success (2xx).",
    Outcome.TIMEOUT: "Timed out: the endpoint didn't finish its answer in time.",
    Outcome.DNS_FAILED: "The host name doesn't resolve to an address.",
    Outcome.REFUSED: "Connection refused: nothing is listening on that port.",
    Outcome.TLS_FAILED: "The secure connection failed: the endpoint's certificate or TLS set-up was not accepted.",
    Outcome.CONNECTION_FAILED: "The connection failed before an answer came.",
    Outcome.BLOCKED_ADDRESS: "Blocked: the URL leads to a private or reserved address, to plain http or to a bad port.",
    Outcome.RESPONSE_BROKEN: "The answer broke off or was not valid HTTP.",
    Outcome.NOT_COMPOSED: "Nothing was sent: the request can't be made as the webhook's settings want it.",
    Outcome.CERTIFICATE_REFUSED: "The endpoint refused the webhook's client certificate.",
    Outcome.CERTIFICATE_UNUSABLE: "Nothing was sent: the webhook's client certificate can't be used.",
    Outcome.TOKEN_UNREACHABLE: "The event wasn't delivered, because the token endpoint gave no answer.",
    Outcome.TOKEN_REFUSED: "The event wasn't delivered, because the token endpoint refused to give a token.",
    Outcome.TOKEN_BROKEN: "The event wasn't delivered, because the token endpoint's answer has no token in it.",
    Outcome.TOKEN_UNUSABLE: "The event wasn't delivered, because the token endpoint gave no bearer token.",
}

ADVICE = {
    Outcome.DELIVERED: "",
    Outcome.BAD_STATUS: "Look at the response body and at the endpoint's own log for the reason.",
    Outcome.TIMEOUT: "Let the endpoint answer 2xx first and do its work afterwards, in a queue of its own.",
    Outcome.DNS_FAILED: "Check the URL for a typing error, and that the domain's DNS record exists.",
    Outcome.REFUSED: "Check that the endpoint's server is running, and the port in the URL.",
    Outcome.TLS_FAILED: "Renew the certificate, serve its whole chain, and check that it is for this host name.",
    Outcome.CONNECTION_FAILED: "Check that the endpoint is reachable from the internet, and its firewall.",
    Outcome.BLOCKED_ADDRESS: "Use a public https address, or have the operator list the network in ALLOWED_TARGETS.",
    Outcome.RESPONSE_BROKEN: "Check the endpoint's server and any proxy before it: they end the answer too early.",
    Outcome.NOT_COMPOSED: "Edit the webhook, then retry.",
    Outcome.CERTIFICATE_REFUSED: "Check when the certificate ends, and that the endpoint trusts its issuer.",
    Outcome.CERTIFICATE_UNUSABLE: "Edit the webhook, paste its certificate and key again, then retry.",
    Outcome.TOKEN_UNREACHABLE: "Check the token URL, and that its server is reachable from here.",
    Outcome.TOKEN_REFUSED: "Check the client id and secret, the scope, and how the client authenticates.",
    Outcome.TOKEN_BROKEN: "Check the token URL. It must answer with JSON that has an access_token (RFC 6749, 5.1).",
    Outcome.TOKEN_UNUSABLE: "Have the token endpoint give tokens of the type Bearer (RFC 6750).",
}

# How far a request came that timed out before it was sent
NO_NAME = "Its name servers gave no answer in time."
NO_TUNNEL = "The egress proxy didn't connect in time."
NO_CONNECTION = "No connection was made in time."

_UNSENT_ADVICE = {
    NO_NAME: "Check the name servers of the URL's domain, and those that this machine asks.",
    NO_TUNNEL: "Check the egress proxy, and that it reaches the endpoint.",
    NO_CONNECTION: ADVICE[Outcome.CONNECTION_FAILED],
}

_STATUS_NOTES = {
    304: "That is no answer to a POST: look for a cache between us and the endpoint.",
    401: "The receiver refused the signature or wants credentials: compare the secret.",
    403: "It refused the request: a firewall, or a signature that it didn't accept.",
    404: "No such path: check the URL.",
    405: "It doesn't take POST at this path: check the URL.",
    408: "It gave up waiting for the request.",
    410: "It said it is gone for good, so the webhook was made inactive.",
    413: "The event was too large for it.",
    429: "It asked to be called less often.",
    503: "It said it is overloaded or down for maintenance.",
}


def explain(outcome: str, response_code: int | None = None, detail: str = "") -> str:
    """Return one or two sentences that explain an attempt to an admin.

    Args:
        outcome: A member of ``Outcome``. An unknown one gets a general sentence.
        response_code: The HTTP status code, if an answer came.
        detail: What else is known: the message of an error, what was wrong with the rest of an answer, or a sentence
            about what the endpoint said, which replaces ours.
    """
    remark = f"({detail})" if detail and not _is_whole(detail) else detail
    if outcome == Outcome.BAD_STATUS and response_code:
        answered = f"The endpoint answered {_status_line(response_code)}."
        sentences = [answered, detail] if _is_sentence(detail) else [answered, _note(response_code), remark]
    elif outcome == Outcome.DELIVERED and response_code:
        sentences = [f"The endpoint accepted the event with {_status_line(response_code)}.", remark]
    elif outcome == Outcome.TIMEOUT and detail in _UNSENT_ADVICE:
        sentences = ["Timed out.", detail]
    else:
        sentences = [EXPLANATIONS[Outcome(outcome)] if outcome in EXPLANATIONS else "The attempt failed.", remark]
    return " ".join(filter(None, sentences))


def label(outcome: str, response_code: int | None = None) -> str:
    """Return an outcome in a few words: ``500 Internal Server Error``, ``Timeout``, ``TLS failed``."""
    if outcome == Outcome.BAD_STATUS and response_code:
        return _status_line(response_code)
    return outcome_words(outcome)


def answer_label(outcome: str | None, response_code: int | None) -> str:
    """Return the code of an answer, or why there was none: ``500``, ``DNS failed``. Without an attempt it is a dash."""
    if response_code is not None:
        return str(response_code)
    return label(outcome) if outcome else "–"


def advise(outcome: str, detail: str = "") -> str:
    """Return what to do after an attempt, or an empty text if ``explain`` says all there is to say."""
    if outcome == Outcome.BAD_STATUS and _is_sentence(detail):
        return ""
    if outcome == Outcome.TLS_FAILED and _is_whole(detail):
        return ""
    if outcome == Outcome.TIMEOUT and detail in _UNSENT_ADVICE:
        return _UNSENT_ADVICE[detail]
    return ADVICE[Outcome(outcome)] if outcome in ADVICE else ""


def _is_sentence(detail: str) -> bool:
    """Return True if ``detail`` is a sentence. What was wrong with an answer is told in words that follow a subject."""
    return detail[:1].isupper()


def _is_whole(detail: str) -> bool:
    """Return True if ``detail`` is a sentence, with a remark in parentheses behind it or not.

    Messages of libcurl or the system have no full stop.
    """
    return _is_sentence(detail) and (detail.endswith(".") or (". (" in detail and detail.endswith(")")))


def _note(code: int) -> str:
    if code in _STATUS_NOTES:
        return _STATUS_NOTES[code]
    if 300 <= code < 400:
        return "Redirects are not followed: put the final address into the webhook's URL."
    return "The endpoint itself failed." if code >= 500 else ""


def _status_line(code: int) -> str:
    try:
        return f"{code} {HTTPStatus(code).phrase}"
    except ValueError:
        return str(code)
