"""A webhook that gets a URL on another host: values that nobody may read must not be sent there.

Who may change a webhook may not read its credentials. Without this, they could let them be sent to a host of their own.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from webhooks_ui.models import Webhook
from webhooks_ui.webhooks.own_headers import MASK


class Stored(NamedTuple):
    """What is stored, and for which host."""

    host: str  # with its port, if that isn't the usual one
    headers: tuple[str, ...]
    has_auth: bool


def stored_of(webhook: Webhook) -> Stored:
    return Stored(_host(webhook.url), tuple(header["name"] for header in webhook.headers), webhook.auth is not None)


def wrong_host(fields: Mapping[str, Any], stored: Stored) -> str:
    """Return what is wrong if stored values would be sent to another host than now, or an empty text.

    Args:
        fields: those that change, as ``webhooks.changes`` takes them.
    """
    if "url" not in fields or _host(fields["url"]) == stored.host:
        return ""
    kept = ", ".join(_kept(fields, stored))
    return f"Type these again, or remove them: {kept}. What is stored is sent to {stored.host} only." if kept else ""


def _kept(fields: Mapping[str, Any], stored: Stored) -> Iterator[str]:
    """Yield the names of what keeps its stored value."""
    if "headers" in fields:
        yield from (header.name for header in fields["headers"] if header.value == MASK)
    else:
        yield from stored.headers
    auth = fields.get("auth")
    if auth.secret == MASK if auth else stored.has_auth and "auth" not in fields:
        yield "the password, token or client secret"


def _host(url: str) -> str:
    try:
        return urlsplit(url).netloc
    except ValueError:  # a person wrote it into the row
        return ""
