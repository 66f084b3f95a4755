"""Checks where a delivery may go: to public addresses by https, and to the networks in ALLOWED_TARGETS."""

import ipaddress
import re
import socket
import unicodedata
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import idna
from requests_hardened.ip_filter import EXTRA_BLOCKED_NET_RANGES

from webhooks_ui.webhooks.forbidden import is_bad_port, is_metadata

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

URL_MAX_CHARACTERS = 2_048
LOOKUP_TIMEOUT_SECONDS = 2.0
GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")  # the assigned part of global unicast (RFC 4291, section 2.4)
_HOST_MAX_CHARACTERS = 253
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_PRIVATE_NAMES = ("local", "internal", "localdomain")

_lookups = ThreadPoolExecutor(4, thread_name_prefix="lookup")


class TargetError(ValueError):
    """The URL isn't allowed for a webhook. The message is a sentence for the person who typed it."""


def is_allowed(address: Address, scheme: str, allowed: Iterable[Network]) -> bool:
    """Return True if ``address`` may be connected to: it is public and the scheme is https, or it is in ``allowed``.

    The metadata services of clouds are never allowed.
    """
    if is_metadata(address):
        return False
    if isinstance(address, ipaddress.IPv6Address):
        address = address.ipv4_mapped or address
    if any(address in network for network in allowed):
        return True
    if isinstance(address, ipaddress.IPv6Address) and address not in GLOBAL_UNICAST:
        return False  # the rest holds embedded IPv4 addresses and site-local addresses
    return (
        scheme == "https"
        and address.is_global
        and not address.is_multicast
        and not any(address in network for network in EXTRA_BLOCKED_NET_RANGES)
    )


def check_url(url: str, allowed: Sequence[Network]) -> None:
    """Refuse a URL that can't be a target.

    A host name that doesn't resolve yet is accepted, because the address is checked again at each connection.

    Raises:
        TargetError: The URL is invalid or leads to an address that isn't allowed. The message names the fix.
    """
    if len(url) > URL_MAX_CHARACTERS:
        raise TargetError(f"The URL may have at most {URL_MAX_CHARACTERS:,} characters.")
    if any(unicodedata.category(character)[0] in "CZ" for character in url) or "\\" in url:
        raise TargetError("The URL can't contain spaces, control characters, invisible characters or backslashes.")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise TargetError("This is not a valid URL. Write it like https://example.com/webhooks.") from None
    if parts.scheme not in ("https", "http"):
        raise TargetError("The URL must start with https://.")
    if not host or ("[" in parts.netloc and ":" not in host):
        raise TargetError("The URL needs a host, like https://example.com/webhooks.")
    if port == 0:
        raise TargetError("Port 0 can't be used. Use another port, or leave the port out.")
    if is_bad_port(port):
        raise TargetError(f"Port {port} belongs to another protocol. Use the port of a web server, such as 443.")
    if parts.username is not None or parts.password is not None:
        raise TargetError("Leave the user name and password out of the URL. Deliveries are signed instead.")
    addresses = _addresses(_ascii(host))
    if any(not is_allowed(address, "https", allowed) for address in addresses):
        raise TargetError("The URL leads to a private or reserved address. Use a public address.")
    if parts.scheme == "http" and not (
        addresses and all(is_allowed(address, "http", allowed) for address in addresses)
    ):
        raise TargetError("The URL must start with https://.")


def _ascii(host: str) -> str:
    """Return the host as the resolver sees it, in ASCII.

    Full-width digits and dots become plain ones, and international names are encoded.
    """
    host = unicodedata.normalize("NFKC", host).replace("。", ".").removesuffix(".").lower()
    if ":" in host and "%" not in host:
        return host  # an IPv6 address without a zone
    try:
        host = host if host.isascii() else idna.encode(host, uts46=True).decode()
        for label in host.split("."):
            if not _LABEL.fullmatch(label):
                raise TargetError(f"The host name {host[:100]!r} is not valid; write it like example.com.")
            if label.startswith("xn--"):
                idna.decode(label)
    except UnicodeError:
        raise TargetError(f"The host name {host[:100]!r} is not valid; write it like example.com.") from None
    if len(host) > _HOST_MAX_CHARACTERS:
        raise TargetError(f"The host name may have at most {_HOST_MAX_CHARACTERS} characters.")
    return host


def _addresses(host: str) -> list[Address]:
    """Return all addresses of a host, or none if it doesn't resolve.

    Raises:
        TargetError: The host has a private name.
    """
    try:
        return [ipaddress.ip_address(host)]
    except ValueError:
        pass
    try:
        return [ipaddress.ip_address(socket.inet_aton(host))]  # such as 127.1, 0x7f000001, 017700000001 or 2130706433
    except OSError:
        pass
    if host == "localhost" or host.endswith(".localhost"):
        return [ipaddress.ip_address("127.0.0.1")]
    if host.rpartition(".")[2] in _PRIVATE_NAMES or host.endswith(".home.arpa"):
        raise TargetError("The URL leads to a private name. Use a public name.")
    try:
        found = _lookups.submit(socket.getaddrinfo, host, None, type=socket.SOCK_STREAM).result(LOOKUP_TIMEOUT_SECONDS)
    except (OSError, UnicodeError, TimeoutError):
        found = []
    if not found and "." not in host:
        raise TargetError("The URL leads to a private name. Use a public name, such as example.com.")
    return [ipaddress.ip_address(entry[4][0]) for entry in found]
