"""OAuth 2.0 client credentials (RFC 6749, 4.4): what a webhook needs to fetch a token for its requests."""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple
from urllib.parse import urlsplit

from webhooks_ui.models import secret_box

CLIENT_MAX_CHARACTERS = 256
SECRET_MAX_CHARACTERS = 1_024
TEXT_MAX_CHARACTERS = 1_000
_SCOPE = re.compile(r"[!#-\[\]-~]+( [!#-\[\]-~]+)*")  # RFC 6749, 3.3


class ClientAuthentication(StrEnum):
    """How the client tells the token endpoint who it is (RFC 6749, 2.3.1)."""

    BASIC = "basic"
    BODY = "body"


class Grant(NamedTuple):
    """Where a token is fetched, and for what. All of it is text, and an empty one is left out of the request."""

    token_url: str
    scope: str = ""
    audience: str = ""
    resource: str = ""  # RFC 8707
    method: str = ClientAuthentication.BASIC


class OAuthClient(NamedTuple):
    """What a token is fetched with."""

    id: str
    secret: str
    grant: Grant


def wrong_grant(grant: Grant) -> dict[str, str]:
    """Return a sentence for each wrong part of the grant, by its name. The token URL is checked by ``check_url``."""
    wrong = {}
    if not grant.token_url:
        wrong["token_url"] = "Enter the URL that tokens are fetched from."  # noqa: S105 (no password)
    if grant.scope and not (len(grant.scope) <= TEXT_MAX_CHARACTERS and _SCOPE.fullmatch(grant.scope)):
        wrong["scope"] = (
            f"The scope must be words of ASCII with single spaces between them, without quotation marks and "
            f"backslashes, up to {TEXT_MAX_CHARACTERS:,} characters."
        )
    if not grant.audience.isprintable() or len(grant.audience) > TEXT_MAX_CHARACTERS:
        wrong["audience"] = f"The audience must be up to {TEXT_MAX_CHARACTERS:,} printable characters."
    if grant.resource and not _is_resource(grant.resource):
        wrong["resource"] = (
            "The resource must be an absolute URI without a fragment, such as https://api.example.com/ (RFC 8707)."
        )
    if grant.method not in tuple(ClientAuthentication):
        wrong["method"] = f"The client authenticates by {' or '.join(ClientAuthentication)}."
    return wrong


def wrong_client(id: str) -> str:
    """Return what is wrong with a client id, or an empty text."""
    if not id:
        return "OAuth needs the id of the client."
    if not id.isprintable() or len(id) > CLIENT_MAX_CHARACTERS:
        return f"The client id must be up to {CLIENT_MAX_CHARACTERS} printable characters."
    return ""


def wrong_client_secret(secret: str) -> str:
    """Return what is wrong with a client secret, or an empty text."""
    if secret and secret.isprintable() and len(secret) <= SECRET_MAX_CHARACTERS:
        return ""
    return f"The client secret must be up to {SECRET_MAX_CHARACTERS:,} printable characters."


def grant_of(stored: Mapping[str, str]) -> Grant:
    """Return the grant in an authentication as ``Webhook.auth`` holds it."""
    return Grant(**{name: stored[name] for name in Grant._fields})


def open_client(auth: Mapping[str, str] | None) -> OAuthClient | None:
    """Return the client of a webhook, decrypted, or ``None`` if it authenticates in another way.

    Raises:
        Undecryptable: None of ``ENCRYPTION_KEYS`` encrypted its secret.
    """
    if not auth or "token_url" not in auth:
        return None
    return OAuthClient(auth["username"], secret_box.decrypt(auth["secret_encrypted"]), grant_of(auth))


def _is_resource(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    is_plain = text.isascii() and text.isprintable() and " " not in text
    return is_plain and bool(parts.scheme) and "#" not in text and len(text) <= TEXT_MAX_CHARACTERS
