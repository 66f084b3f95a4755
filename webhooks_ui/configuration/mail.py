"""The mail server, and the address that mail comes from."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

from webhooks_ui.config_error import ConfigError
from webhooks_ui.configuration.values import port_of, split_url

SMTP_PORTS = {"smtp": 25, "smtps": 465, "smtp+starttls": 587}  # the default port of each scheme
MAIL_ADDRESS = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]+@[\w-]+(\.[\w-]+)*", re.ASCII)


@dataclass(frozen=True)
class SmtpServer:
    """The mail server that sends our mail, and how to connect to it."""

    scheme: str  # one of SMTP_PORTS
    host: str
    port: int
    user: str = ""  # empty means no login
    password: str = field(default="", repr=False)


def smtp_server(url: str | None) -> SmtpServer | None:
    """Return the mail server that ``SMTP_URL`` names, with its user and password percent-decoded.

    Return ``None`` without a URL. Then no mail is sent.

    Raises:
        ConfigError: The URL is invalid. The message never shows the URL, because it may hold a password.
    """
    if not url:
        return None
    parts = split_url("SMTP_URL", url)
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    if parts.scheme not in SMTP_PORTS:
        raise ConfigError("SMTP_URL must start with smtp://, smtps:// or smtp+starttls://.")
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ConfigError("SMTP_URL must end after the port. In a user or password, write / ? # as %2F %3F %23.")
    if not parts.hostname:
        raise ConfigError("SMTP_URL has no host. Write it as smtp://host:port.")
    if bool(user) != bool(password):
        raise ConfigError("SMTP_URL must have both a user and a password, or neither.")
    if user and parts.scheme == "smtp":
        raise ConfigError("SMTP_URL would send the password in clear text: use smtps:// or smtp+starttls://.")
    if not (user + password).isascii():
        raise ConfigError("SMTP_URL must have only ASCII characters in its user and password.")
    port = port_of("SMTP_URL", parts) or SMTP_PORTS[parts.scheme]
    return SmtpServer(parts.scheme, parts.hostname, port, user, password)


def mail_from(env: Mapping[str, str], production: bool) -> str:
    """Return the address that our mail comes from.

    Raises:
        ConfigError: It is no mail address, or production has a mail server and no address.
    """
    address = env.get("MAIL_FROM") or env.get("ADMIN_EMAIL")
    if production and env.get("SMTP_URL") and not address:
        raise ConfigError("MAIL_FROM is not set. SMTP_URL requires it: the address that mail comes from.")
    address = address or "admin@example.com"
    if (env.get("MAIL_FROM") or env.get("SMTP_URL")) and not MAIL_ADDRESS.fullmatch(address):
        raise ConfigError(f"MAIL_FROM must be a mail address, such as webhooks@example.com, not {address!r}.")
    return address
