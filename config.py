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
SECRET_KEY_MIN_CHARACTERS, SECRET_KEY_MIN_DIFFERENT = 32, 10
ADMIN_PASSWORD_MIN_CHARACTERS = 12
LOCAL_HOSTS = ("localhost", "127.0.0.1", "[::1]")
HOST_NAME = re.compile(r"\.?[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?|\[[0-9a-f:.]+\]")
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
    production = _is_production(env.get("APP_ENV"))
    instance = Path(env.get("INSTANCE_PATH") or ROOT / "instance").resolve()
    redis_url = env.get("REDIS_URL") or f"unix://{redis_socket(instance)}"
    public_url = _public_url(env.get("PUBLIC_URL"))
    host, port = env.get("HOST") or "127.0.0.1", _integer(env, "PORT", 8000, 1, 65_535)
    return {
        "PRODUCTION": production,
        "INSTANCE_PATH": instance,
        "SQLALCHEMY_DATABASE_URI": database_url(env.get("DATABASE_URL"), instance),
        "REDIS_URL": redis_url,
        "REDIS_EMBEDDED": not env.get("REDIS_URL"),
        "SECRET_KEY": _secret_key(env, instance, production),
        "ENCRYPTION_KEYS": _encryption_keys(env, instance, production),
        "ADMIN_EMAIL": _admin_email(env.get("ADMIN_EMAIL")),
        "ADMIN_PASSWORD": _admin_password(env.get("ADMIN_PASSWORD"), production),
        "HOST": host,
        "PORT": port,
        "PUBLIC_URL": public_url or http_address(host, port),
        "TRUSTED_PROXIES": _trusted_proxies(env),
        "ALLOWED_HOSTS": _allowed_hosts(env.get("ALLOWED_HOSTS"), public_url),
        "SMTP": smtp_server(env.get("SMTP_URL")),
        "MAIL_FROM": _mail_from(env),
        "WEB_PROCESSES": _integer(env, "WEB_PROCESSES", 2, 1, 64),
        "WEB_THREADS": _integer(env, "WEB_THREADS", 4, 1, 64),
        "WEB_CONNECTIONS": _integer(env, "WEB_CONNECTIONS", 4_096, 64, 65_536),
        "REQUEST_HEAD_SECONDS": _integer(env, "REQUEST_HEAD_SECONDS", 10, 1, 300),
        "REQUEST_BODY_SECONDS": _integer(env, "REQUEST_BODY_SECONDS", 30, 1, 3_600),
        "WORKERS": _integer(env, "WORKERS", os.cpu_count() or 1, 1, 256),
        "IN_FLIGHT": _integer(env, "IN_FLIGHT", 64, 4, 1_024),
        "REQUEST_TIMEOUT_SECONDS": _integer(env, "REQUEST_TIMEOUT_SECONDS", 10, 1, 300),
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


def _is_production(name: str | None) -> bool:
    if (name or "development") not in ("development", "production"):
        raise ConfigError(f"APP_ENV must be development or production, not {name!r}.")
    return name == "production"


def _secret_key(env: Mapping[str, str], instance: Path, production: bool) -> str:
    key = _kept(env, "SECRET_KEY", instance, production, lambda: secrets.token_urlsafe(48))
    if production and (len(key) < SECRET_KEY_MIN_CHARACTERS or len(set(key)) < SECRET_KEY_MIN_DIFFERENT):
        raise ConfigError(
            f"SECRET_KEY is easy to guess. Use {SECRET_KEY_MIN_CHARACTERS} random characters or more: "
            """python3 -c 'import secrets; print(secrets.token_urlsafe(48))'"""
        )
    return key


def _admin_email(address: str | None) -> str:
    address = (address or "admin@example.com").strip()
    if not MAIL_ADDRESS.fullmatch(address):
        raise ConfigError(f"ADMIN_EMAIL must be a mail address, such as admin@example.com, not {address!r}.")
    return address


def _admin_password(password: str | None, production: bool) -> str | None:
    if production and password and len(password) < ADMIN_PASSWORD_MIN_CHARACTERS:
        raise ConfigError(
            f"ADMIN_PASSWORD must have at least {ADMIN_PASSWORD_MIN_CHARACTERS} characters. "
            "Leave it unset for a random one that is printed once."
        )
    return password


def _trusted_proxies(env: Mapping[str, str]) -> int | tuple[Network, ...]:
    """Return how many proxies there are, or the networks that they are in."""
    text = env.get("TRUSTED_PROXIES", "").strip()
    if text.isascii() and text.isdigit():
        return _integer(env, "TRUSTED_PROXIES", 0, 0, 10)
    return _networks(env, "TRUSTED_PROXIES", "")


def _allowed_hosts(text: str | None, public_url: str | None) -> list[str]:
    """Return the names that requests may have in Host. An empty list allows any.

    The default is the name in PUBLIC_URL, if that is set, and those of this machine.
    """
    if not (text or "").strip():
        name = urlsplit(public_url).hostname if public_url else None
        return [f"[{name}]" if ":" in name else name, *LOCAL_HOSTS] if name else []
    names = (text or "").lower().replace(",", " ").split()
    if "*" in names:
        return []
    for name in names:
        if not HOST_NAME.fullmatch(name):
            raise ConfigError(
                f"ALLOWED_HOSTS must be host names without a port, separated by commas, such as portal.example.com or "
                f".example.com, not {name!r}. A * allows any."
            )
    return names


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
