"""Checks where a delivery may go: to public addresses by https, and to the networks in ALLOWED_TARGETS."""

import contextlib
import ipaddress
import socket
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

from webhooks_ui.configuration.values import Network
from webhooks_ui.models.webhook import URL_MAX_CHARACTERS
from webhooks_ui.webhooks.destination import Address, Destination, TargetError, destination
from webhooks_ui.webhooks.forbidden import SPECIAL_NETWORKS, behind_nat64, is_bad_port, is_metadata

LOOKUP_TIMEOUT_SECONDS = 2.0
GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")  # the assigned part of global unicast (RFC 4291, section 2.4)
_PRIVATE_NAMES = ("local", "internal", "localdomain")

_lookups = ThreadPoolExecutor(8, thread_name_prefix="lookup")


def look_up(host: str) -> tuple[Address, ...]:
    """Return the addresses of a host name, each once, however long that takes.

    Raises:
        OSError: The name doesn't resolve.
        UnicodeError: It can't be a name.
    """
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found))


def look_up_within(host: str, seconds: float) -> tuple[Address, ...]:
    """Do what ``look_up`` does, within so many ``seconds``. getaddrinfo itself knows no timeout.

    Raises:
        OSError, UnicodeError: as ``look_up``.
        TimeoutError: There is no answer yet.
    """
    asked = _lookups.submit(look_up, host)
    try:
        return asked.result(seconds)
    except TimeoutError:
        asked.cancel()  # if it hasn't begun. Those that nobody waits for would keep the next ones waiting for minutes
        raise


def is_allowed(address: Address, scheme: str, allowed: Iterable[Network]) -> bool:
    """Return True if ``address`` may be connected to: it is public and the scheme is https, or it is in ``allowed``.

    An address of NAT64 is as public as the IPv4 address that it stands for. The metadata services of clouds are never
    allowed.
    """
    if is_metadata(address):
        return False
    if isinstance(address, ipaddress.IPv6Address):
        address = address.ipv4_mapped or address
    if any(address in network for network in allowed):
        return True
    if isinstance(address, ipaddress.IPv6Address):
        address = behind_nat64(address) or address
    if isinstance(address, ipaddress.IPv6Address) and address not in GLOBAL_UNICAST:
        return False  # the rest holds embedded IPv4 addresses and site-local addresses
    return (
        scheme == "https"
        and address.is_global
        and not address.is_multicast
        and not any(address in network for network in SPECIAL_NETWORKS)
    )


def check_url(url: str, allowed: Sequence[Network]) -> str:
    """Return the URL as it is requested, if it can be a target.

    A host name that doesn't resolve yet is accepted, because the address is checked again at each connection.

    Raises:
        TargetError: The URL is invalid or leads to an address that isn't allowed. The message names the fix.
    """
    if len(url) > URL_MAX_CHARACTERS:
        raise TargetError(f"The URL may have at most {URL_MAX_CHARACTERS:,} characters.")
    target = destination(url)
    if len(target.url) > URL_MAX_CHARACTERS:
        raise TargetError(f"The URL, with its special characters encoded, may have {URL_MAX_CHARACTERS:,} characters.")
    if is_bad_port(target.port):
        raise TargetError(f"Port {target.port} belongs to another protocol. Use the port of a web server, such as 443.")
    addresses = (target.address,) if target.address else _addresses(target)
    if any(not is_allowed(address, "https", allowed) for address in addresses):
        raise TargetError("The URL leads to a private or reserved address. Use a public address.")
    if target.scheme == "http" and not (
        addresses and all(is_allowed(address, "http", allowed) for address in addresses)
    ):
        raise TargetError("The URL must start with https://.")
    return target.url


def _addresses(target: Destination) -> Sequence[Address]:
    """Return all addresses of a host name, or none if it doesn't resolve.

    Raises:
        TargetError: The host has a private name.
    """
    host = target.host
    if host == "localhost" or host.endswith(".localhost"):
        return (ipaddress.ip_address("127.0.0.1"),)
    if host.rpartition(".")[2] in _PRIVATE_NAMES or host.endswith(".home.arpa"):
        raise TargetError("The URL leads to a private name. Use a public name.")
    addresses: Sequence[Address] = ()
    with contextlib.suppress(OSError, UnicodeError, TimeoutError):
        addresses = look_up_within(host, LOOKUP_TIMEOUT_SECONDS)
    if not addresses and "." not in host:
        raise TargetError("The URL leads to a private name. Use a public name, such as example.com.")
    return addresses
