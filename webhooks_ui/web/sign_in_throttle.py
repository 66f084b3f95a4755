"""Limits how often a password can be guessed: from one network address, and for one account.

A try is counted before its password is checked, so that tries at the same moment can't all slip through. A right
password takes its count back.
"""

import hashlib
import ipaddress
from typing import NamedTuple

from flask import current_app, request
from werkzeug.exceptions import TooManyRequests

FAILURES_PER_MINUTE = 10
ACCOUNT_FAILURES = 20
ACCOUNT_SECONDS = 600
IPV6_NETWORK_BITS = 64  # one customer of a provider has that many addresses (RFC 6177)


class _Limit(NamedTuple):
    key: str
    tries: int
    seconds: int


def count_try(email: str) -> None:
    """Count a try to sign in, which may turn out to be right.

    Raises:
        werkzeug.exceptions.TooManyRequests: There were too many wrong ones from this address or for this account.
    """
    for limit in _limits(email):
        used, left = _add(limit, 1)
        if used > limit.tries:
            raise TooManyRequests(retry_after=left)


def take_back(email: str) -> None:
    """Take back the count of a try whose password was right."""
    for limit in _limits(email):
        _add(limit, -1)


def _limits(email: str) -> tuple[_Limit, _Limit]:
    account = hashlib.sha256(email.strip().lower().encode("utf-8", "replace")).hexdigest()[:32]
    return (
        _Limit(f"webhooks/sign-in/address/{client_network()}", FAILURES_PER_MINUTE, 60),
        _Limit(f"webhooks/sign-in/account/{account}", ACCOUNT_FAILURES, ACCOUNT_SECONDS),
    )


def client_network() -> str:
    """Return the client's address. For IPv6 it is the network, because a client can take any address in it."""
    try:
        address = ipaddress.ip_address(request.remote_addr or "")
    except ValueError:
        return "unknown"
    if address.version == 4:
        return str(address)
    return str(ipaddress.ip_network((int(address), IPV6_NETWORK_BITS), strict=False))


def _add(limit: _Limit, amount: int) -> tuple[int, int]:
    """Change the count by ``amount``. Return it, and the seconds until it is forgotten.

    While Redis is down each process allows its share, so that all of them together allow no more.
    """
    used, left, is_shared = current_app.extensions["windows"].add(limit.key, amount, limit.seconds)
    if is_shared:
        return used, left
    share = max(1, limit.tries // current_app.config["WEB_PROCESSES"])
    return used + limit.tries - share, left
