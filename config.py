"""Reads the settings from environment variables and checks them."""

import base64
import hashlib
import ipaddress
import os
import re
import secrets
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

ROOT = Path(__file__).resolve().parent
UNIX_SOCKET_PATH_MAX_BYTES = 100  # sun_path is 108 on Linux, 104 on macOS
SMTP_PORTS = {"smtp": 25, "smtps": 465, "smtp+starttls": 587}  # the default port of each scheme
MAIL_ADDRESS = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]+@[\w-]+(\.[\w-]+)*", re.ASCII)


Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class ConfigError(Exception):
    """A setting is missing or invalid. The message names the setting and the fix."""


@dataclass(frozen=True)
class SmtpServer:
    """The mail server that sends our mail, and how to connect to it."""

    scheme: str  # one of SMTP_PORTS
    host: str
    port: int
    user: str = ""  # empty means no login
    password: str = field(default="", repr=False)


def load(environ: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Read all settings from ``environ`` (default: the process environment).

    Raises:
        ConfigError: A value is invalid, or a value that production needs is missing.
    """
    env = os.environ if environ is None else environ
    production = env.get("APP_ENV") == "production"
    instance = Path(env.get("INSTANCE_PATH") or ROOT / "instance").resolve()
    redis_url = env.get("REDIS_URL") or f"unix://{redis_socket(instance)}"
    host, port = env.get("HOST") or "127.0.0.1", _integer(env, "PORT", 8000, 1, 65_535)
    return {
        "PRODUCTION": production,
        "INSTANCE_PATH": instance,
        "SQLALCHEMY_DATABASE_URI": database_url(env.get("DATABASE_URL"), instance),
        "REDIS_URL": redis_url,
        "REDIS_EMBEDDED": not env.get("REDIS_URL"),
        "SECRET_KEY": _kept(env, "SECRET_KEY", instance, production, lambda: secrets.token_urlsafe(48)),
        "ENCRYPTION_KEYS": _encryption_keys(env, instance, production),
        "ADMIN_EMAIL": env.get("ADMIN_EMAIL") or "admin@example.com",
        "ADMIN_PASSWORD": env.get("ADMIN_PASSWORD"),
        "HOST": host,
        "PORT": port,
        "PUBLIC_URL": _public_url(env.get("PUBLIC_URL")) or http_address(host, port),
        "SMTP": smtp_server(env.get("SMTP_URL")),
        "MAIL_FROM": _mail_from(env),
        "WORKERS": _integer(env, "WORKERS", os.cpu_count() or 1, 1, 256),
        "IN_FLIGHT": _integer(env, "IN_FLIGHT", 1_024, 4, 16_384),
        "REQUEST_TIMEOUT_SECONDS": _integer(env, "REQUEST_TIMEOUT_SECONDS", 10, 1, 300),
        "EGRESS_PROXY": _egress_proxy(env.get("EGRESS_PROXY")),
        "ALLOWED_TARGETS": _networks(env, "ALLOWED_TARGETS", "" if production else "127.0.0.0/8,::1/128"),
        "METRICS_TOKEN": env.get("METRICS_TOKEN"),
        "RATELIMIT_STORAGE_URI": redis_url.replace("unix://", "redis+unix://", 1),
        "RATELIMIT_STORAGE_OPTIONS": {"socket_timeout": 1, "socket_connect_timeout": 1},
        "RATELIMIT_IN_MEMORY_FALLBACK_ENABLED": True,  # requests succeed even while Redis is down
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "SESSION_COOKIE_SECURE": production,
        "PERMANENT_SESSION_LIFETIME": 12 * 3600,
        "WTF_CSRF_TIME_LIMIT": None,  # the token is valid as long as the session: a form left open still saves
        "MAX_CONTENT_LENGTH": 8 * 1024 * 1024,
        "MAX_FORM_MEMORY_SIZE": 1024 * 1024,
    }


def database_url(url: str | None, instance: Path) -> str:
    """Return the SQLAlchemy URL for ``DATABASE_URL``. PostgreSQL uses the psycopg 3 driver.

    Raises:
        ConfigError: The URL names another kind of database.
    """
    if not url:
        return f"sqlite:///{instance / 'webhooks.db'}"
    scheme, separator, rest = url.partition("://")
    if separator and scheme in ("postgres", "postgresql", "postgresql+psycopg"):
        return f"postgresql+psycopg://{rest}"
    if separator and scheme == "sqlite":
        return url
    raise ConfigError("DATABASE_URL must start with sqlite:// or postgresql://.")


def http_address(host: str, port: int) -> str:
    """Return the address of a web server, without a slash at the end."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _public_url(url: str | None) -> str | None:
    if not url:
        return None
    parts = _split("PUBLIC_URL", url)
    _port("PUBLIC_URL", parts)
    wanted = parts.scheme in ("http", "https") and parts.hostname and url.isprintable() and " " not in url
    if not wanted or parts.query or parts.fragment or "@" in parts.netloc:
        raise ConfigError("PUBLIC_URL must be the address of the portal, such as https://portal.example.com.")
    return url.rstrip("/")


def _egress_proxy(url: str | None) -> str:
    """Return the URL of the proxy that all deliveries go through, or an empty text.

    Raises:
        ConfigError: The URL is invalid. The message never shows the URL, because it may hold a password.
    """
    if not url:
        return ""
    parts = _split("EGRESS_PROXY", url)
    if parts.path not in ("", "/") or parts.query or parts.fragment or not url.isprintable() or " " in url.strip():
        raise ConfigError("EGRESS_PROXY must end after the port. In a user or password, write / ? # as %2F %3F %23.")
    if parts.scheme != "http" or not parts.hostname or not _port("EGRESS_PROXY", parts):
        raise ConfigError(
            "EGRESS_PROXY must be the URL of an http proxy with its port: http://user:password@host:3128."
        )
    return url.strip().rstrip("/")


def smtp_server(url: str | None) -> SmtpServer | None:
    """Return the mail server that ``SMTP_URL`` names, with its user and password percent-decoded.

    Return ``None`` without a URL. Then no mail is sent.

    Raises:
        ConfigError: The URL is invalid. The message never shows the URL, because it may hold a password.
    """
    if not url:
        return None
    parts = _split("SMTP_URL", url)
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
    port = _port("SMTP_URL", parts) or SMTP_PORTS[parts.scheme]
    return SmtpServer(parts.scheme, parts.hostname, port, user, password)


def _split(name: str, url: str) -> SplitResult:
    try:
        return urlsplit(url.strip())
    except ValueError:
        raise ConfigError(f"{name} is not a valid URL. In its parts, percent-encode special characters.") from None


def _port(name: str, parts: SplitResult) -> int | None:
    try:
        if parts.port == 0:
            raise ValueError
    except ValueError:
        raise ConfigError(f"{name} must have a port from 1 to 65535, or no port.") from None
    return parts.port


def _mail_from(env: Mapping[str, str]) -> str:
    address = env.get("MAIL_FROM") or env.get("ADMIN_EMAIL") or "admin@example.com"
    if (env.get("MAIL_FROM") or env.get("SMTP_URL")) and not MAIL_ADDRESS.fullmatch(address):
        raise ConfigError(f"MAIL_FROM must be a mail address, such as webhooks@example.com, not {address!r}.")
    return address


def redis_socket(instance: Path) -> Path:
    """Return the socket of the embedded Redis.

    It is in ``instance``, or in the temporary folder if that path is too long for a socket.
    """
    socket = instance / "redis.sock"
    if len(os.fsencode(socket)) <= UNIX_SOCKET_PATH_MAX_BYTES:
        return socket
    digest = hashlib.sha256(os.fsencode(instance)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"webhooks-{digest}.sock"


def _kept(env: Mapping[str, str], name: str, instance: Path, production: bool, make: Any) -> str:
    """Return a key from the environment, or from ``instance``, where the first run stores a new one."""
    if value := env.get(name):
        return value
    if production:
        raise ConfigError(f"{name} is not set. APP_ENV=production requires it: see Settings in the README.")
    path = instance / name.lower()
    try:
        make_folder(instance)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(make())
    except FileExistsError:
        pass
    except OSError as error:
        raise _unwritable(instance, error) from error
    return path.read_text().strip()


def make_folder(folder: Path) -> None:
    """Create ``folder`` unless it exists.

    Raises:
        ConfigError: The folder can't be created, for example because a file has its name.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(folder, error) from error


def _unwritable(folder: Path, error: OSError) -> ConfigError:
    return ConfigError(
        f"The folder {folder} can't be written to ({error.strerror}). Set INSTANCE_PATH to another folder."
    )


def _encryption_keys(env: Mapping[str, str], instance: Path, production: bool) -> list[str]:
    def make() -> str:
        return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()

    keys = _kept(env, "ENCRYPTION_KEYS", instance, production, make).replace(",", " ").split()
    for key in keys:
        try:
            if len(base64.urlsafe_b64decode(key)) != 32:
                raise ValueError
        except ValueError:
            raise ConfigError(
                "ENCRYPTION_KEYS must be Fernet keys (URL-safe base64 of 32 bytes), separated by commas, newest first."
            ) from None
    return keys


def _integer(env: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    text = env.get(name) or str(default)
    if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
        raise ConfigError(f"{name} must be a whole number from {least} to {most}, not {text!r}.")
    return int(text)


def _networks(env: Mapping[str, str], name: str, default: str) -> tuple[Network, ...]:
    try:
        return tuple(ipaddress.ip_network(text) for text in env.get(name, default).replace(",", " ").split())
    except ValueError as error:
        raise ConfigError(f"{name} must be CIDRs separated by commas, such as 127.0.0.0/8: {error}.") from error
