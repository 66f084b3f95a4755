"""Reach: look whether a URL leads somewhere. It connects and agrees on TLS, and sends no request."""

import contextlib
import re
import socket
import ssl
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from jobs.transport.authorities import tls_context
from webhooks_ui.configuration.values import Network
from webhooks_ui.webhooks.destination import Address, Destination, TargetError, destination
from webhooks_ui.webhooks.findings import Check, Verdict
from webhooks_ui.webhooks.forbidden import is_bad_port
from webhooks_ui.webhooks.targets import is_allowed, look_up_within

STEP_SECONDS = 4.0  # for the resolution of the name, for the connection, and for TLS
ADDRESSES_SHOWN = 4
EXPIRES_SOON = timedelta(days=14)
DELIVERING_CIPHERS = "DEFAULT:@SECLEVEL=2"  # as libcurl has. Python leaves out those with SHA-1 or RSA's key exchange
# What Python puts around the words of OpenSSL
_CODES = re.compile(r"^\[SSL[^\]]*\] |^_ssl\.c:\d+: | \(_ssl\.c:\d+\)$")


def reach(
    url: str, allowed: Sequence[Network], *, shows_addresses: bool, has_certificate: bool = False
) -> Iterator[Check]:
    """Yield what each step of a connection to ``url`` found. The first problem is the last step.

    Args:
        allowed: networks that may be targets although they are private, and by plain http.
        shows_addresses: whether the reader may know to what blocked address a name leads.
        has_certificate: whether deliveries show a client certificate. None is shown here.
    """
    try:
        target = destination(url)
    except TargetError as error:
        yield Check(Verdict.PROBLEM, "Its URL is not valid", str(error), "edit")
        return
    addresses = _resolve(target)
    if isinstance(addresses, str):
        yield Check(Verdict.PROBLEM, "Its host name doesn't resolve", f"{target.host}: {addresses}", "edit")
        return
    if blocked := _blocked(target, addresses, allowed):
        leads = f" ({blocked})" if shows_addresses else ""
        found = f"{target.host} leads to an address or port where no delivery may go{leads}. Use a public https URL."
        yield Check(Verdict.PROBLEM, "No delivery may go there", found, "edit")
        return
    if not target.address:
        shown = ", ".join(map(str, addresses[:ADDRESSES_SHOWN]))
        yield Check(Verdict.FINE, "Its host name resolves", f"{target.host} is {shown}.")
    connection, found = _connect(target, addresses)
    if connection is None:
        yield Check(Verdict.PROBLEM, "It takes no connections", found, "edit")
        return
    with connection:
        yield Check(Verdict.FINE, "It takes connections", found)
        if target.scheme == "https":
            yield _secure(target, connection, has_certificate=has_certificate)


def _resolve(target: Destination) -> Sequence[Address] | str:
    """Return the addresses of the host, or why there are none."""
    if target.address:
        return (target.address,)
    try:
        return look_up_within(target.host, STEP_SECONDS)
    except TimeoutError:
        return f"the name servers gave no answer within {STEP_SECONDS:g} seconds."
    except (OSError, UnicodeError) as error:
        have_failed = getattr(error, "errno", None) == socket.EAI_AGAIN  # the name may well exist
        check = "its name servers, and those that this machine asks" if have_failed else "the name for a typing error"
        return f"{getattr(error, 'strerror', '') or error}. Check {check}."


def _blocked(target: Destination, addresses: Sequence[Address], allowed: Sequence[Network]) -> str:
    if is_bad_port(target.port):
        return f"port {target.port}"
    return next((str(address) for address in addresses if not is_allowed(address, target.scheme, allowed)), "")


def _connect(target: Destination, addresses: Sequence[Address]) -> tuple[socket.socket | None, str]:
    """Return a connection to the first address that takes one, and what happened in a sentence."""
    ends_at, words = time.monotonic() + STEP_SECONDS, ""
    for address in addresses:
        begun = time.monotonic()
        try:
            left = max(0.5, (ends_at - begun) / 2 if len(addresses) > 1 else ends_at - begun)
            connection = socket.create_connection((str(address), target.port), left)
        except OSError as error:
            words = words or f"{address}, port {target.port}: {error.strerror or error}."
            if time.monotonic() > ends_at:
                break
        else:
            took = round((time.monotonic() - begun) * 1_000)
            return connection, f"{address}, port {target.port}, answered after {took:,} ms."
    return None, f"{words} Check that its server runs, the port in the URL, and its firewall."


def _secure(target: Destination, connection: socket.socket, *, has_certificate: bool) -> Check:
    """Return what the endpoint's certificate says."""
    connection.settimeout(STEP_SECONDS)
    context = tls_context()
    context.set_ciphers(DELIVERING_CIPHERS)
    try:
        with context.wrap_socket(connection, server_hostname=target.host) as secured:
            return _certificate(secured)
    except ssl.SSLCertVerificationError as error:
        words = error.verify_message.rstrip(".")
        found = f"{words}. Renew it, serve its whole chain, and check that it is for {target.host}."
        return Check(Verdict.PROBLEM, "Its certificate is not valid", found[:1].upper() + found[1:])
    except (OSError, ValueError) as error:
        words = _CODES.sub("", getattr(error, "strerror", "") or str(error))
        if has_certificate and _wants_certificate(error):
            found = f"It refused a connection without a client certificate: {words}. Send a test event, which shows it."
            return Check(Verdict.NOTE, "It can't be checked from here", found, "test")
        found = f"TLS failed: {words}. Check that the port speaks TLS 1.2 or later."
        if _wants_certificate(error):
            found += " If it wants a client certificate, set one in the webhook."
        return Check(Verdict.PROBLEM, "No TLS connection is possible", found)


def _wants_certificate(error: Exception) -> bool:
    """Return True if the endpoint may have missed a client certificate. TLS 1.2 has no alert of its own for that."""
    return "ALERT_HANDSHAKE_FAILURE" in (getattr(error, "reason", None) or "")


def _certificate(secured: ssl.SSLSocket) -> Check:
    certificate, version = secured.getpeercert() or {}, secured.version()
    with contextlib.suppress(KeyError, OSError):
        secured.unwrap()
    expires = datetime.fromtimestamp(ssl.cert_time_to_seconds(str(certificate["notAfter"])), UTC)
    if expires - datetime.now(UTC) < EXPIRES_SOON:
        return Check(Verdict.NOTE, "Its certificate ends soon", (f"{version}. It ends ", expires, ". Renew it soon."))
    return Check(Verdict.FINE, "Its certificate is valid", (f"{version}. It ends ", expires, "."))
