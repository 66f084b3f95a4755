"""Reads the settings from environment variables and checks them."""

import base64
import ipaddress
import os
import re
import secrets
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from webhooks_ui import instance_folder
from webhooks_ui.config_error import ConfigError as ConfigError

ROOT = Path(__file__).resolve().parent
SMTP_PORTS = {"smtp": 25, "smtps": 465, "smtp+starttls": 587}  # the default port of each scheme
OWN_TIMEOUT_MAX_SECONDS = 30  # of a request, that a webhook may set for itself
REDIS_SCHEMES = ("redis", "rediss", "unix")
LOG_LEVELS = ("debug", "info", "warning", "error")
LOG_FORMATS = ("json", "text")
ROLES = ("super_admin", "admin", "operator", "viewer")  # highest first, as in webhooks_ui/models/user
SECRET_KEY_MIN_CHARACTERS, SECRET_KEY_MIN_DIFFERENT = 32, 10
ADMIN_PASSWORD_MIN_CHARACTERS = 12
LOCAL_HOSTS = ("localhost", "127.0.0.1", "[::1]")
HOST_NAME = re.compile(r"\.?[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?|\[[0-9a-f:.]+\]")
MAIL_ADDRESS = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]+@[\w-]+(\.[\w-]+)*", re.ASCII)


Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True)
class SmtpServer:
    """The mail server that sends our mail, and how to connect to it."""

    scheme: str  # one of SMTP_PORTS
    host: str
    port: int
    user: str = ""  # empty means no login
    password: str = field(default="", repr=False)


@dataclass(frozen=True)
class OidcProvider:
    """The provider of single sign-on (OpenID Connect), and who may sign in through it."""

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    name: str = "single sign-on"
    allowed_domains: tuple[str, ...] = ()  # of email addresses. Empty: all of people who have an account
    scopes: str = "openid email profile"
    role_claim: str = "groups"
    roles: tuple[tuple[str, str], ...] = ()  # values of the claim with their roles. Empty: roles are given here


def load(environ: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Read all settings from ``environ`` (default: the process environment).

    Raises:
        ConfigError: A value is invalid, or a value that production needs is missing.
    """
    env = os.environ if environ is None else environ
    production = _is_production(env.get("APP_ENV"))
    instance = Path(env.get("INSTANCE_PATH") or ROOT / "instance").resolve()
    instance_folder.tighten(instance)
    _check_authorities(env.get("REQUESTS_CA_BUNDLE"))
    database = database_url(env.get("DATABASE_URL"), instance)
    redis_url = _redis_url(env.get("REDIS_URL")) or f"unix://{instance_folder.redis_socket(instance)}"
    public_url = _public_url(env.get("PUBLIC_URL"))
    host, port = env.get("HOST") or "127.0.0.1", _integer(env, "PORT", 8000, 1, 65_535)
    return {
        "PRODUCTION": production,
        "INSTANCE_PATH": instance,
        "SQLALCHEMY_DATABASE_URI": database,
        "REDIS_URL": redis_url,
        "REDIS_EMBEDDED": not env.get("REDIS_URL"),
        "SECRET_KEY": _secret_key(env, instance, production),
        "ENCRYPTION_KEYS": _encryption_keys(env, instance, production, database),
        "ADMIN_EMAIL": _admin_email(env.get("ADMIN_EMAIL")),
        "ADMIN_PASSWORD": _admin_password(env.get("ADMIN_PASSWORD"), production),
        "HOST": host,
        "PORT": port,
        "PUBLIC_URL": public_url or http_address(host, port),
        "LINKED_PORTAL": public_url,  # messages in chats link to it, unless nobody said it
        "TRUSTED_PROXIES": _trusted_proxies(env),
        "ALLOWED_HOSTS": _allowed_hosts(env.get("ALLOWED_HOSTS"), public_url),
        "SMTP": smtp_server(env.get("SMTP_URL")),
        "MAIL_FROM": _mail_from(env, production),
        "OIDC": oidc_provider(env),
        "PASSWORD_SIGN_IN": _password_sign_in(env),
        "WEB_PROCESSES": _integer(env, "WEB_PROCESSES", 2, 1, 64),
        "WEB_THREADS": _integer(env, "WEB_THREADS", 4, 1, 64),
        "WEB_CONNECTIONS": _integer(env, "WEB_CONNECTIONS", 4_096, 64, 65_536),
        "REQUEST_HEAD_SECONDS": _integer(env, "REQUEST_HEAD_SECONDS", 10, 1, 300),
        "REQUEST_BODY_SECONDS": _integer(env, "REQUEST_BODY_SECONDS", 30, 1, 3_600),
        "WORKERS": _integer(env, "WORKERS", os.cpu_count() or 1, 1, 256),
        "IN_FLIGHT": _integer(env, "IN_FLIGHT", 1_024, 4, 16_384),
        "REQUEST_TIMEOUT_SECONDS": _integer(env, "REQUEST_TIMEOUT_SECONDS", 10, 1, 300),
        "EXPRESS_LANE": _is_on(env, "EXPRESS_LANE"),
        "EGRESS_PROXY": _egress_proxy(env.get("EGRESS_PROXY")),
        "ALLOWED_TARGETS": _networks(env, "ALLOWED_TARGETS", "" if production else "127.0.0.0/8,::1/128"),
        "METRICS_TOKEN": _metrics_token(env.get("METRICS_TOKEN")),
        "LOG_LEVEL": _one_of(env, "LOG_LEVEL", "info" if production else "warning", LOG_LEVELS),
        "LOG_FORMAT": _one_of(env, "LOG_FORMAT", "json" if production else "text", LOG_FORMATS),
        "OTLP_ENDPOINT": _otlp_endpoint(env.get("OTEL_EXPORTER_OTLP_ENDPOINT")),
        "RATELIMIT_STORAGE_URI": redis_url.replace("unix://", "redis+unix://", 1),
        "RATELIMIT_STORAGE_OPTIONS": {"socket_timeout": 1, "socket_connect_timeout": 1},
        "RATELIMIT_IN_MEMORY_FALLBACK_ENABLED": True,  # requests succeed even while Redis is down
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "SESSION_COOKIE_SECURE": production,
        "PERMANENT_SESSION_LIFETIME": 7 * 24 * 3600,  # of the cookie. people/sessions ends sessions, also earlier
        "WTF_CSRF_TIME_LIMIT": None,  # the token is valid as long as the session: a form left open still saves
        "MAX_CONTENT_LENGTH": 8 * 1024 * 1024,
        "MAX_FORM_MEMORY_SIZE": 1024 * 1024,
    }


def database_url(url: str | None, instance: Path) -> str:
    """Return the SQLAlchemy URL for ``DATABASE_URL``. PostgreSQL uses the psycopg 3 driver.

    Raises:
        ConfigError: The URL is invalid, or names another kind of database. The message never shows the URL, because it
            may hold a password.
    """
    if not url:
        return f"sqlite:///{instance / 'webhooks.db'}"
    scheme, separator, rest = url.strip().partition("://")
    if separator and scheme in ("postgres", "postgresql", "postgresql+psycopg"):
        parts = _split("DATABASE_URL", url)
        _port("DATABASE_URL", parts)
        if parts.netloc.count("@") > 1:  # SQLAlchemy would take the end of the password for the host, and show it
            raise ConfigError("DATABASE_URL must have one @, before the host. In a user or password, write @ as %40.")
        return f"postgresql+psycopg://{rest}"
    if separator and scheme == "sqlite":
        if not _is_file(rest):
            raise ConfigError(
                "DATABASE_URL must name a file that all processes share, such as sqlite:////var/lib/webhooks/webhooks.db."
            )
        return f"sqlite://{rest}"
    raise ConfigError("DATABASE_URL must start with sqlite:/// or postgresql://.")


def _is_file(rest: str) -> bool:
    """Return True if an SQLite URL names a file, not a database in memory. ``rest`` is what follows ``sqlite://``."""
    path, _, options = rest.partition("?")
    return len(path) > 1 and path.startswith("/") and ":memory:" not in path and "mode=memory" not in options


def _check_authorities(file: str | None) -> None:
    """Check the further certificate authorities, which the processes read from the environment themselves.

    Raises:
        ConfigError: The file can't be read, or it holds no certificate.
    """
    if not file:
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(Path(file))
    except ssl.SSLError:
        raise ConfigError(
            f"REQUESTS_CA_BUNDLE must name a file of certificates (PEM), but {file} holds none."
        ) from None
    except OSError as error:
        raise ConfigError(f"REQUESTS_CA_BUNDLE={file} can't be read ({error.strerror}).") from None


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
    if password and not password.isprintable():  # also not if it isn't UTF-8
        raise ConfigError("ADMIN_PASSWORD must have printable characters in UTF-8 only.")
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
    try:
        return _networks(env, "TRUSTED_PROXIES", "")
    except ConfigError as error:
        raise ConfigError(f"{error} Or give the number of proxies, such as 1.") from None


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


def _egress_proxy(url: str | None) -> str:
    """Return the URL of the proxy that all deliveries go through, or an empty text.

    Raises:
        ConfigError: The URL is invalid. The message never shows the URL, because it may hold a password.
    """
    if not url:
        return ""
    parts = _split("EGRESS_PROXY", url)
    if "://" not in url:
        raise ConfigError("EGRESS_PROXY must start with http://, such as http://user:password@host:3128.")
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
        encode = " In a user or password, write : / ? # @ as %3A %2F %3F %23 %40." if "@" in parts.geturl() else ""
        raise ConfigError(f"{name} must have a port from 1 to 65535, or no port.{encode}") from None
    return parts.port


def oidc_provider(env: Mapping[str, str]) -> OidcProvider | None:
    """Return the provider of single sign-on that the settings ``OIDC_…`` name, or ``None`` without ``OIDC_ISSUER``.

    Raises:
        ConfigError: A setting is missing or invalid.
    """
    if not env.get("OIDC_ISSUER"):
        if useless := [name for name in ("OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET") if env.get(name)]:
            raise ConfigError(f"{useless[0]} does nothing without OIDC_ISSUER. Set that too, or remove both.")
        return None
    issuer = _split("OIDC_ISSUER", env["OIDC_ISSUER"])
    is_local = issuer.hostname in ("localhost", "127.0.0.1", "::1")
    if not issuer.hostname or (issuer.scheme != "https" and not (issuer.scheme == "http" and is_local)):
        raise ConfigError("OIDC_ISSUER must start with https://, such as https://login.example.com.")
    for name in ("OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET"):
        if not env.get(name):
            raise ConfigError(f"{name} is not set. OIDC_ISSUER requires it: the provider gives it to you.")
    domains = tuple(env.get("OIDC_ALLOWED_DOMAINS", "").lower().replace(",", " ").split())
    if wrong := [domain for domain in domains if not MAIL_ADDRESS.fullmatch(f"a@{domain}")]:
        raise ConfigError(f"OIDC_ALLOWED_DOMAINS must be domains separated by commas, but {wrong[0]!r} is none.")
    roles = tuple(_oidc_role(pair) for pair in env.get("OIDC_ROLES", "").split(",") if pair.strip())
    if roles and not domains:
        raise ConfigError("OIDC_ROLES lets new people sign in. Set OIDC_ALLOWED_DOMAINS to say whose addresses.")
    return OidcProvider(
        env["OIDC_ISSUER"].strip(),
        env["OIDC_CLIENT_ID"],
        env["OIDC_CLIENT_SECRET"],
        env.get("OIDC_NAME") or OidcProvider.name,
        domains,
        " ".join(dict.fromkeys(["openid", *(env.get("OIDC_SCOPES") or OidcProvider.scopes).split()])),
        env.get("OIDC_ROLE_CLAIM") or OidcProvider.role_claim,
        roles,
    )


def _oidc_role(pair: str) -> tuple[str, str]:
    value, separator, role = (part.strip() for part in pair.rpartition("="))
    if not (value and separator) or role not in ROLES:
        raise ConfigError(
            f"OIDC_ROLES must be pairs such as portal-admins=admin, separated by commas, but one is {pair.strip()!r}. "
            f"The roles are {', '.join(ROLES)}."
        )
    return value, role


def _password_sign_in(env: Mapping[str, str]) -> bool:
    is_on = _is_on(env, "PASSWORD_SIGN_IN")
    if not is_on and not env.get("OIDC_ISSUER"):
        raise ConfigError("PASSWORD_SIGN_IN=off needs another way to sign in. Set OIDC_ISSUER, or leave it on.")
    return is_on


def _mail_from(env: Mapping[str, str], production: bool) -> str:
    address = env.get("MAIL_FROM") or env.get("ADMIN_EMAIL")
    if production and env.get("SMTP_URL") and not address:
        raise ConfigError("MAIL_FROM is not set. SMTP_URL requires it: the address that mail comes from.")
    address = address or "admin@example.com"
    if (env.get("MAIL_FROM") or env.get("SMTP_URL")) and not MAIL_ADDRESS.fullmatch(address):
        raise ConfigError(f"MAIL_FROM must be a mail address, such as webhooks@example.com, not {address!r}.")
    return address


def _redis_url(url: str | None) -> str | None:
    if not url:
        return None
    parts = _split("REDIS_URL", url)
    if parts.scheme not in REDIS_SCHEMES:
        raise ConfigError("REDIS_URL must start with redis://, rediss:// or unix://.")
    _port("REDIS_URL", parts)
    if parts.scheme == "unix" and not parts.path:
        raise ConfigError("REDIS_URL has no socket. Write it as unix:///path/of/the/socket.")
    if parts.scheme != "unix" and (not parts.hostname or not re.fullmatch(r"/?[0-9]*", parts.path)):
        raise ConfigError("REDIS_URL must be written as redis://host:6379/0, with the number of a database at the end.")
    return url.strip()


def _metrics_token(text: str | None) -> str | None:
    """Return the token for ``/metrics``. Only a text that a header can carry is one, or nobody could give it."""
    if not text:
        return None
    token = text.strip()
    if not token or not token.isascii() or not token.isprintable():
        raise ConfigError("METRICS_TOKEN must have printable ASCII characters only, such as letters and digits.")
    return token


def _otlp_endpoint(url: str | None) -> str | None:
    if not url:
        return None
    parts = _split("OTEL_EXPORTER_OTLP_ENDPOINT", url)
    _port("OTEL_EXPORTER_OTLP_ENDPOINT", parts)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError(
            "OTEL_EXPORTER_OTLP_ENDPOINT must be the address of a collector, such as http://localhost:4318."
        )
    return url.strip()


def _kept(env: Mapping[str, str], name: str, instance: Path, production: bool, make: Callable[[], str]) -> str:
    """Return a key from the environment, or from ``instance``, where the first run stores a new one."""
    if value := env.get(name):
        return value
    if production:
        raise ConfigError(f"{name} is not set. APP_ENV=production requires it: see Settings in the README.")
    return instance_folder.stored(instance, name.lower(), make)


def _encryption_keys(env: Mapping[str, str], instance: Path, production: bool, database: str) -> list[str]:
    """Return the keys, newest first. Make one for a new instance, but never for a database that exists.

    A database on a server isn't looked at here. ``models.key_check`` does that when the product starts.

    Raises:
        ConfigError: A key is invalid, or the keys were lost.
    """
    kept, file = instance / "encryption_keys", Path(database.removeprefix("sqlite:///").partition("?")[0])
    is_old = database.startswith("sqlite:///") and file.is_file() and file.stat().st_size > 0
    if is_old and not kept.exists() and not production and not env.get("ENCRYPTION_KEYS"):
        raise ConfigError(
            f"ENCRYPTION_KEYS were lost: {kept} is missing, but there is a database in {file}. Put the file back, or "
            "set ENCRYPTION_KEYS. If no copy exists, docs/security.md says what to do."
        )

    def make() -> str:
        return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()

    keys = _kept(env, "ENCRYPTION_KEYS", instance, production, make).replace(",", " ").split()
    if not keys or not all(map(_is_fernet_key, keys)):
        raise ConfigError(
            "ENCRYPTION_KEYS must be Fernet keys (URL-safe base64 of 32 bytes), separated by commas, newest first."
        )
    return keys


def _is_fernet_key(key: str) -> bool:
    try:
        return len(base64.urlsafe_b64decode(key)) == 32
    except ValueError:
        return False


def _integer(env: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    text = env.get(name) or str(default)
    if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
        raise ConfigError(f"{name} must be a whole number from {least} to {most}, not {text!r}.")
    return int(text)


def _one_of(env: Mapping[str, str], name: str, default: str, values: Sequence[str]) -> str:
    value = (env.get(name) or default).lower()
    if value not in values:
        raise ConfigError(f"{name} must be one of {', '.join(values)}, not {value!r}.")
    return value


def _is_on(env: Mapping[str, str], name: str) -> bool:
    return _one_of(env, name, "on", ("on", "off")) == "on"


def _networks(env: Mapping[str, str], name: str, default: str) -> tuple[Network, ...]:
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
