"""Checks before a web server starts that it can listen on ``HOST`` and ``PORT``."""

import socket

from config import ConfigError


def check_host(host: str) -> None:
    """Check that this machine has the address. Another web server may use the same port, and take turns.

    Raises:
        ConfigError: It is not an address of this machine.
    """
    try:
        _bind(host, 0)
    except (OSError, UnicodeError) as error:
        raise ConfigError(
            f"HOST={host} is not an address of this machine. "
            "Use one that is, or for all of them 0.0.0.0, or :: with IPv6."
        ) from error


def check_port(host: str, port: int) -> None:
    """Check that a web server can listen, and that nobody else does.

    Raises:
        ConfigError: It can't. The message names the setting to change.
    """
    check_host(host)
    try:
        _bind(host, port)
    except OSError as error:
        raise ConfigError(
            f"port {port} on {host} can't be used ({error.strerror}). Choose another port: PORT={port + 1} make run"
        ) from error


def _bind(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))
