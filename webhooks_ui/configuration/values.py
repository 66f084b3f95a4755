"""Values of any setting: numbers, words, networks and URLs.

Each function raises ``ConfigError`` with the name of the setting and the fix.
"""

import ipaddress
import re
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import SplitResult, urlsplit

from webhooks_ui.config_error import ConfigError
from webhooks_ui.utf8 import is_utf8

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

DEFAULT_PORTS = {"https": 443, "http": 80}


class Given(Mapping[str, str]):
    """Settings as they were given. One that isn't UTF-8 is refused when it is read: no page or address can hold it."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def __getitem__(self, name: str) -> str:
        value = self._environ[name]
        if not is_utf8(value):
            raise ConfigError(f"{name} must be in UTF-8. Save the file that sets it in UTF-8.")
        return value

    def __iter__(self) -> Iterator[str]:
        return iter(self._environ)

    def __len__(self) -> int:
        return len(self._environ)


def split_url(name: str, url: str) -> SplitResult:
    """Return the parts of a URL."""
    try:
        return urlsplit(url.strip())
    except ValueError:
        raise ConfigError(f"{name} is not a valid URL. In its parts, percent-encode special characters.") from None


def port_of(name: str, parts: SplitResult, *, is_needed: bool = False) -> int | None:
    """Return the port in a URL, if there is one.

    Args:
        is_needed: whether the URL must have one, which the caller checks.
    """
    try:
        if parts.port == 0:
            raise ValueError
    except ValueError:
        encode = " In a user or password, write : / ? # @ as %3A %2F %3F %23 %40." if "@" in parts.geturl() else ""
        none = "" if is_needed else ", or no port"
        raise ConfigError(f"{name} must have a port from 1 to 65535{none}.{encode}") from None
    return parts.port


def http_parts(name: str, url: str) -> SplitResult | None:
    """Return the parts of the URL of an http server, or ``None`` if it is none."""
    parts = split_url(name, url)
    port_of(name, parts)
    return parts if parts.scheme in ("http", "https") and parts.hostname else None


def integer(env: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    """Return the whole number from ``least`` to ``most`` in the setting ``name``."""
    text = env.get(name) or str(default)
    if not re.fullmatch("[0-9]{1,9}", text) or not least <= int(text) <= most:
        raise ConfigError(f"{name} must be a whole number from {least} to {most}, not {text!r}.")
    return int(text)


def one_of(env: Mapping[str, str], name: str, default: str, values: Sequence[str]) -> str:
    """Return the word in the setting ``name``, which is one of ``values``."""
    value = (env.get(name) or default).lower()
    if value not in values:
        raise ConfigError(f"{name} must be one of {', '.join(values)}, not {value!r}.")
    return value


def is_on(env: Mapping[str, str], name: str) -> bool:
    """Return True unless the setting ``name`` is off."""
    return one_of(env, name, "on", ("on", "off")) == "on"


def networks(env: Mapping[str, str], name: str, default: str) -> tuple[Network, ...]:
    """Return the networks in the setting ``name``, which commas separate."""
    try:
        return tuple(map(_network, env.get(name, default).replace(",", " ").split()))
    except ValueError as error:
        raise ConfigError(f"{name} must be networks separated by commas, such as 10.0.0.0/8: {error}.") from error


def _network(text: str) -> Network:
    """Return the network.

    Raises:
        ValueError: It is none. The message says which one was probably meant.
    """
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        pass
    try:
        meant = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise ValueError(f"{text!r} is none") from None
    raise ValueError(f"{text} is an address in a network. Write the network, {meant}")
