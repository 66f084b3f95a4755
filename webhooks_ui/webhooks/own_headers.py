"""The headers that a webhook's requests carry beside those of the contract, and how they authenticate.

The values are secrets: they are encrypted in the database, and pages, log, API and audit log show ``MASK`` instead.
Whoever sends ``MASK`` back keeps the stored value.
"""

import base64
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from werkzeug.exceptions import Conflict

from webhooks_ui.models import secret_box
from webhooks_ui.webhooks.oauth import Grant, wrong_client, wrong_client_secret, wrong_grant

HEADERS_MAX = 20
NAME_MAX_CHARACTERS = 128
VALUE_MAX_BYTES = 4 * 1024
TYPED_MAX_CHARACTERS = 2 * HEADERS_MAX * (NAME_MAX_CHARACTERS + VALUE_MAX_BYTES)  # what is longer takes long to read
LONG_HEADERS = f"The headers are too long. Use up to {HEADERS_MAX}."
MASK = "••••••••"

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, 5.6.2
_WHOLE_HEADER = re.compile(r"\s*(authorization:|bearer\s)", re.IGNORECASE)
# Hop-by-hop or framing (RFC 9110, 7.6.1), or set by the client
_RESERVED = {
    *("connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer"),
    *("transfer-encoding", "upgrade", "content-length", "content-type", "content-encoding", "host", "expect"),
    *("accept-encoding", "user-agent", "traceparent"),
}
_CONTRACT = ("webhook-", "x-webhook-", "ce-")


class OwnHeader(NamedTuple):
    name: str
    value: str


class AuthKind(StrEnum):
    BASIC = "basic"
    BEARER = "bearer"
    OAUTH = "oauth"  # with a token that is fetched, see oauth

    @property
    def label(self) -> str:
        """The name of the kind on the pages."""
        return "OAuth" if self is AuthKind.OAUTH else self.capitalize()


@dataclass(frozen=True, slots=True)
class Auth:
    """How requests authenticate. ``secret`` is the password, the token or the client secret.

    Args:
        username: the user, or the id of the client.
        grant: of OAuth.
    """

    kind: AuthKind
    username: str
    secret: str
    grant: Grant | None = None

    @property
    def header(self) -> OwnHeader:
        """The header ``Authorization`` of Basic and Bearer (RFC 7617, section 2, and RFC 6750, section 2.1)."""
        if self.kind is AuthKind.BEARER:
            return OwnHeader("Authorization", f"Bearer {self.secret.strip()}")  # spaces come from pasting
        credentials = base64.b64encode(f"{self.username}:{self.secret}".encode()).decode()
        return OwnHeader("Authorization", f"Basic {credentials}")

    @property
    def masked_header(self) -> OwnHeader:
        """The header as people may see it."""
        scheme = "Basic" if self.kind is AuthKind.BASIC else "Bearer"
        return OwnHeader("Authorization", f"{scheme} {MASK}")


def wrong_header(name: str, value: str) -> str:
    """Return what is wrong with a header, or an empty text."""
    if not name:
        return "A header needs a name. Write it like X-Tenant: emea."
    if len(name) > NAME_MAX_CHARACTERS or not _TOKEN.fullmatch(name):
        allowed = f"Use up to {NAME_MAX_CHARACTERS} letters, digits and hyphens, without spaces."
        return f"{name[:NAME_MAX_CHARACTERS]!r} can't be the name of a header. {allowed}"
    lower = name.lower().replace("_", "-")  # CGI, WSGI and PHP give a program the same variable for both
    if lower == "authorization":
        return "Set Authorization under Authentication, in the API by auth, not as a header."
    if lower in _RESERVED or lower.startswith(_CONTRACT):
        return f"{name} is set for each request by itself. Choose another name."
    return wrong_value(name, value)


def wrong_value(name: str, value: str) -> str:
    """Return what is wrong with the value of a header or with a credential, or an empty text."""
    if not value.strip():
        return f"{name} needs a value."
    if len(value.encode("utf-8", "replace")) > VALUE_MAX_BYTES:
        return f"The value of {name} is too long. Use up to {VALUE_MAX_BYTES:,} bytes."
    if not value.isascii() or not value.isprintable():  # a line end would begin another header (RFC 9110, 5.5)
        return f"The value of {name} must be printable ASCII, without line ends."
    return ""


def seal_headers(headers: Iterable[OwnHeader], stored: Iterable[Mapping[str, str]]) -> list[dict[str, str]]:
    """Return headers as ``Webhook.headers`` holds them. A value that is ``MASK`` is that of ``stored``.

    Raises:
        werkzeug.exceptions.Conflict: ``stored`` has it no longer, since somebody else changed the webhook.
    """
    kept = {header["name"].lower(): header["value_encrypted"] for header in stored}
    sealed = []
    for name, value in headers:
        encrypted = kept.get(name.lower()) if value == MASK else secret_box.encrypt(value)
        if encrypted is None:
            raise Conflict(f"Somebody removed the header {name} meanwhile. Load the webhook again.")
        sealed.append({"name": name, "value_encrypted": encrypted})
    return sealed


def seal_auth(auth: Auth | None, stored: Mapping[str, str] | None) -> dict[str, str] | None:
    """Return the authentication as ``Webhook.auth`` holds it. A secret that is ``MASK`` is that of ``stored``.

    Raises:
        werkzeug.exceptions.Conflict: ``stored`` is another one, since somebody else changed the webhook.
    """
    if auth is None:
        return None
    if auth.secret != MASK:
        secret = secret_box.encrypt(auth.secret)
    elif stored and is_alike(auth, stored):
        secret = stored["secret_encrypted"]
    else:
        raise Conflict("Somebody changed the authentication meanwhile. Load the webhook again.")
    grant = {name: str(value) for name, value in auth.grant._asdict().items()} if auth.grant else {}
    return {"kind": str(auth.kind), "username": auth.username, "secret_encrypted": secret, **grant}


def is_alike(auth: Auth, stored: Mapping[str, str] | None) -> bool:
    """Return True if the stored secret belongs to this authentication, so that it can be kept.

    A client secret is kept for the same token URL only. Otherwise it could be sent to somebody who may not know it.
    """
    if stored is None or (stored["kind"], stored["username"]) != (auth.kind, auth.username):
        return False
    return auth.grant is None or auth.grant.token_url == stored["token_url"]


def open_headers(headers: Iterable[Mapping[str, str]], auth: Mapping[str, str] | None) -> tuple[OwnHeader, ...]:
    """Return the headers that a webhook adds to its requests, decrypted. That of OAuth needs a token first.

    Raises:
        Undecryptable: None of ``ENCRYPTION_KEYS`` encrypted one of them.
    """
    own = tuple(OwnHeader(header["name"], secret_box.decrypt(header["value_encrypted"])) for header in headers)
    if not auth or auth["kind"] == AuthKind.OAUTH:
        return own
    opened = Auth(AuthKind(auth["kind"]), auth["username"], secret_box.decrypt(auth["secret_encrypted"]))
    return (*own, opened.header)


def wrong_headers(headers: Collection[OwnHeader], stored: Iterable[Mapping[str, str]] = ()) -> str:
    """Return the first thing that is wrong with a webhook's headers, or an empty text."""
    known = {header["name"].lower() for header in stored}
    if len(headers) > HEADERS_MAX:
        return f"There are {len(headers)} headers. Use up to {HEADERS_MAX}."
    seen: set[str] = set()
    for header in headers:
        if header.value == MASK and header.name.lower() not in known:
            return f"Type the value of {header.name}. There is none yet that could be kept."
        if wrong := wrong_header(header.name, "kept" if header.value == MASK else header.value):
            return wrong
        if header.name.lower() in seen:
            return f"{header.name} is there twice. Remove one."
        seen.add(header.name.lower())
    return ""


def wrong_auth(auth: Auth | None, stored: Mapping[str, str] | None = None) -> str:
    """Return what is wrong with the credentials, or an empty text."""
    if auth is None:
        return ""
    if auth.grant and (wrong := wrong_client(auth.username) or next(iter(wrong_grant(auth.grant).values()), "")):
        return wrong
    return wrong_secret(auth, stored)


def wrong_secret(auth: Auth, stored: Mapping[str, str] | None = None) -> str:
    """Return what is wrong with a user name and password, a token or a client secret, or an empty text."""
    if auth.secret == MASK:
        return "" if is_alike(auth, stored) else _nothing_to_keep(auth, stored)
    if auth.kind is AuthKind.OAUTH:
        return wrong_client_secret(auth.secret)
    if auth.kind is AuthKind.BASIC:
        if not auth.username:
            return "Basic authentication needs a user name."
        if ":" in auth.username:
            return "The user name can't contain a colon (RFC 7617)."
        if not auth.username.isprintable() or len(auth.username) > NAME_MAX_CHARACTERS:
            return f"The user name must be up to {NAME_MAX_CHARACTERS} printable characters."
        if auth.secret and auth.secret.isprintable() and len(auth.secret) <= VALUE_MAX_BYTES // 4:
            return ""  # base64 makes ASCII of any letters
        return f"The password must be up to {VALUE_MAX_BYTES // 4:,} printable characters."
    if _WHOLE_HEADER.match(auth.secret):
        return "Enter the token alone. Authorization: Bearer is put before it by itself."
    wrong = wrong_value("the token", auth.secret)
    return wrong[:1].upper() + wrong[1:]


def _nothing_to_keep(auth: Auth, stored: Mapping[str, str] | None) -> str:
    if auth.kind is not AuthKind.OAUTH:
        return "Type the password or token. There is none yet that could be kept."
    if stored and stored["kind"] == auth.kind:
        return "Type the client secret again. The stored one is kept for the same client and token URL only."
    return "Type the client secret. There is none yet that could be kept."
