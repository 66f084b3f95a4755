"""Destination: a URL as it is requested. What is saved for a webhook is what is sent, to the last character."""

import ipaddress
import re
import socket
import unicodedata
from typing import NamedTuple
from urllib.parse import quote, urlsplit

import idna

from webhooks_ui.configuration.values import DEFAULT_PORTS

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_HOST_MAX_CHARACTERS = 253
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_ESCAPE = re.compile("%[0-9A-Fa-f]{2}")
_STRAY_PERCENT = re.compile("%(?![0-9A-Fa-f]{2})")
_SAFE = "!$%&'()*+,/:;=?@[]~"  # in paths and queries. Other characters are percent-encoded, as browsers do


class TargetError(ValueError):
    """The URL isn't allowed for a webhook. The message is a sentence for the person who typed it."""


class Destination(NamedTuple):
    """Where a request goes."""

    url: str
    scheme: str
    host: str  # a name in ASCII, or an address. An IPv6 address has no brackets
    port: int
    address: Address | None  # of a host that is an address


def destination(url: str) -> Destination:
    """Return the URL in the form in which it is requested.

    Names are mapped as browsers do (UTS 46): full-width letters become plain ones, and an international name becomes
    ASCII. Addresses are written in their usual form. Characters that a path can't have are percent-encoded. The
    part after ``#`` is never sent, so it is dropped.

    Raises:
        TargetError: It isn't a URL of a web server. The message names the fix.
    """
    if any(unicodedata.category(character)[0] in "CZ" for character in url) or "\\" in url:
        raise TargetError("The URL can't contain spaces, control characters, invisible characters or backslashes.")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise TargetError("This is not a valid URL. Write it like https://example.com/webhooks.") from None
    if parts.scheme not in DEFAULT_PORTS:
        raise TargetError("The URL must start with https://.")
    if not host or ("[" in parts.netloc and ":" not in host):
        raise TargetError("The URL needs a host, like https://example.com/webhooks.")
    if port == 0:
        raise TargetError("Port 0 can't be used. Use another port, or leave the port out.")
    if parts.username is not None or parts.password is not None:
        raise TargetError("Leave the user name and password out of the URL. Set Basic authentication instead.")
    address = _address(host)
    host = str(address) if address else _name(host)
    port = port or DEFAULT_PORTS[parts.scheme]
    shown = f"[{host}]" if ":" in host else host
    origin = f"{shown}:{port}" if port != DEFAULT_PORTS[parts.scheme] else shown
    has_query = "?" in url.partition("#")[0]  # an empty one is sent, too
    rest = (parts.path or "/") + (f"?{parts.query}" if has_query else "")
    return Destination(f"{parts.scheme}://{origin}{_encoded(rest)}", parts.scheme, host, port, address)


def _encoded(text: str) -> str:
    """Return ``text`` as libcurl sends it: nothing that is already encoded changes, but for its letters."""
    encoded = quote(_STRAY_PERCENT.sub("%25", text), safe=_SAFE)
    return _ESCAPE.sub(lambda escape: escape[0].upper(), encoded)


def _address(host: str) -> Address | None:
    """Return the address that ``host`` is, in any notation: also 127.1, 0x7f000001, 017700000001 or 2130706433.

    Raises:
        TargetError: Its last part is a number, but it is no address.
    """
    if ":" in host:
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            raise _invalid(host) from None
        if getattr(address, "scope_id", None):
            raise _invalid(host)
        return address
    mapped = _mapped(host)
    if not _NUMBER.fullmatch(mapped.rpartition(".")[2]):
        return None
    try:
        return ipaddress.ip_address(socket.inet_aton(mapped))
    except OSError:
        raise _invalid(host) from None


def _name(host: str) -> str:
    """Return a host name in ASCII."""
    name = ".".join(_ascii(label, host) for label in _mapped(host).split("."))
    if len(name) > _HOST_MAX_CHARACTERS:
        raise TargetError(f"The host name may have at most {_HOST_MAX_CHARACTERS} characters.")
    return name


def _mapped(host: str) -> str:
    """Return ``host`` in the form that UTS 46 maps it to (section 4), without a dot at its end."""
    try:
        return idna.uts46_remap(host, std3_rules=False, transitional=False).removesuffix(".")
    except UnicodeError:
        raise _invalid(host) from None


def _ascii(label: str, host: str) -> str:
    ascii_label = label if label.isascii() else f"xn--{label.encode('punycode').decode()}"
    if not _LABEL.fullmatch(ascii_label) or not _is_sound(ascii_label):
        raise _invalid(host)
    return ascii_label


def _is_sound(label: str) -> bool:
    """Return True unless ``label`` claims to be punycode and isn't the punycode of a mapped label."""
    if not label.startswith("xn--"):
        return True
    encoded = label.removeprefix("xn--")
    try:
        decoded = encoded.encode().decode("punycode")
        return not decoded.isascii() and _mapped(decoded) == decoded and decoded.encode("punycode").decode() == encoded
    except (UnicodeError, TargetError):
        return False


def _invalid(host: str) -> TargetError:
    return TargetError(f"The host name {host[:100]!r} is not valid. Write it like example.com.")
