"""Where things are: the database, Redis, the portal itself, proxies and collectors."""

import re
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from redis import ConnectionPool, RedisError

from webhooks_ui.config_error import ConfigError
from webhooks_ui.configuration.values import DEFAULT_PORTS, Network, http_parts, integer, networks, port_of, split_url

REDIS_SCHEMES = ("redis", "rediss", "unix")
LOCAL_HOSTS = ("localhost", "127.0.0.1", "[::1]")
HOST_NAME = re.compile(r"\.?[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?|\[[0-9a-f:.]+\]")


def database_url(url: str | None, instance: Path) -> str:
    """Return the SQLAlchemy URL for ``DATABASE_URL``. PostgreSQL uses the psycopg 3 driver.

    Raises:
        ConfigError: The URL is invalid, or names another kind of database. The message never shows the URL, because it
            may hold a password.
    """
    if not url:
        return f"sqlite:///{quote(str(instance / 'webhooks.db'))}"
    scheme, separator, rest = url.strip().partition("://")
    if separator and scheme in ("postgres", "postgresql", "postgresql+psycopg"):
        parts = split_url("DATABASE_URL", url)
        if re.search(r":[0-9]*,", parts.netloc.rpartition("@")[2]):  # SQLAlchemy reads one port
            raise ConfigError(
                "DATABASE_URL must name several servers with their ports after a ?. Write it as "
                "postgresql://user:password@/name?host=db1:5432&host=db2:5433."
            )
        port_of("DATABASE_URL", parts)
        if parts.netloc.count("@") > 1:  # SQLAlchemy would take the end of the password for the host, and show it
            raise ConfigError("DATABASE_URL must have one @, before the host. In a user or password, write @ as %40.")
        return _with_options(f"postgresql+psycopg://{rest}")
    if separator and scheme == "sqlite":
        if not _is_file(rest):
            raise ConfigError(
                "DATABASE_URL must name a file that all processes share, such as sqlite:////var/lib/webhooks/webhooks.db."
            )
        if not rest.startswith(("//", "/file:")):  # where Flask-SQLAlchemy looks for a relative path
            rest = f"/{quote(str(instance))}{rest}"
        return _with_options(f"sqlite://{rest}")
    raise ConfigError("DATABASE_URL must start with sqlite:/// or postgresql://.")


def _with_options(url: str) -> str:
    """Return ``url`` if SQLAlchemy can read the options behind its question mark.

    Raises:
        ConfigError: An option has a wrong value.
    """
    if "?" in url:
        from sqlalchemy import make_url
        from sqlalchemy.exc import ArgumentError

        try:
            parts = make_url(url)
            _, options = parts.get_dialect()().create_connect_args(parts)
            if parts.get_backend_name() == "postgresql":
                _check_for_libpq(options)
        except (ValueError, ArgumentError):  # their messages may hold a part of a password
            raise ConfigError(
                "DATABASE_URL has an option after ? that doesn't exist or has a wrong value. "
                "In a user or password, write ? as %3F."
            ) from None
    return url


def _check_for_libpq(options: Mapping[str, Any]) -> None:
    """Check all names and the timeout as the driver does. Otherwise a worker would wait for a connection for ever.

    Raises:
        ValueError: One is unknown, or the timeout is no number.
    """
    from psycopg import ProgrammingError
    from psycopg.conninfo import make_conninfo, timeout_from_conninfo

    try:
        make_conninfo(**options)
        timeout_from_conninfo(dict(options))
    except ProgrammingError as error:
        raise ValueError from error


def _is_file(rest: str) -> bool:
    """Return True if an SQLite URL names a file, not a database in memory. ``rest`` is what follows ``sqlite://``."""
    path, _, options = rest.partition("?")
    return len(path) > 1 and path.startswith("/") and ":memory:" not in path and "mode=memory" not in options


def redis_url(url: str | None) -> str | None:
    """Return the address of Redis, or ``None`` for the embedded one.

    Raises:
        ConfigError: The URL or one of its options is invalid. The message never shows the URL, because it may hold a
            password.
    """
    if not url:
        return None
    parts = split_url("REDIS_URL", url)
    if parts.scheme not in REDIS_SCHEMES:
        raise ConfigError("REDIS_URL must start with redis://, rediss:// or unix://.")
    port_of("REDIS_URL", parts)
    if parts.scheme == "unix" and not parts.path:
        raise ConfigError("REDIS_URL has no socket. Write it as unix:///path/of/the/socket.")
    if parts.scheme != "unix" and (not parts.hostname or not re.fullmatch(r"/?[0-9]*", parts.path)):
        raise ConfigError("REDIS_URL must be written as redis://host:6379/0, with the number of a database at the end.")
    try:
        pool = ConnectionPool.from_url(url.strip())
        pool.make_connection()  # which isn't connected yet, but has read all options
    except (TypeError, ValueError, RedisError):  # their messages may hold a part of a password
        raise ConfigError(
            "REDIS_URL has an option after ? that doesn't exist or has a wrong value. Write it as "
            "rediss://host:6379/0?ssl_ca_certs=/path/of/ca.pem. In a user or password, write ? as %3F."
        ) from None
    if pool.connection_kwargs.get("decode_responses"):
        raise ConfigError("REDIS_URL can't have the option decode_responses: not everything in Redis is text.")
    check_authorities("REDIS_URL", pool.connection_kwargs.get("ssl_ca_certs"))
    return url.strip()


def http_address(host: str, port: int) -> str:
    """Return the address of a web server, without a slash at the end."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def public_url(url: str | None) -> str | None:
    """Return the address of the portal as browsers write its origin: in small letters, without a usual port or a slash.

    Raises:
        ConfigError: It is no http address, has a path, or has a name that isn't in ASCII.
    """
    if not url:
        return None
    parts = http_parts("PUBLIC_URL", url)
    is_plain = url.isprintable() and " " not in url
    if not parts or not is_plain or parts.query or parts.fragment or "@" in parts.netloc:
        raise ConfigError("PUBLIC_URL must be the address of the portal, such as https://portal.example.com.")
    if parts.path.strip("/"):
        raise ConfigError("PUBLIC_URL can't have a path. The portal needs a host name or port of its own.")
    host = str(parts.hostname)
    if not host.isascii():
        raise ConfigError("PUBLIC_URL must have a host name in ASCII. Write bücher.example as xn--bcher-kva.example.")
    port = "" if parts.port in (None, DEFAULT_PORTS[parts.scheme]) else f":{parts.port}"
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}{port}"


def allowed_hosts(text: str | None, public_url: str | None) -> list[str]:
    """Return the names that requests may have in Host. An empty list allows any.

    The default is the name in PUBLIC_URL, if that is set, and those of this machine.

    Raises:
        ConfigError: A name is none.
    """
    names = (text or "").lower().replace(",", " ").split()
    if not names:
        name = urlsplit(public_url).hostname if public_url else None
        return [f"[{name}]" if ":" in name else name, *LOCAL_HOSTS] if name else []
    if "*" in names:
        return []
    for name in names:
        if not HOST_NAME.fullmatch(name):
            raise ConfigError(
                f"ALLOWED_HOSTS must be host names without a port, separated by commas, such as portal.example.com or "
                f".example.com, not {name!r}. A * allows any."
            )
    return names


def trusted_proxies(env: Mapping[str, str]) -> int | tuple[Network, ...]:
    """Return how many proxies there are, or the networks that they are in.

    Raises:
        ConfigError: It is neither.
    """
    text = env.get("TRUSTED_PROXIES", "").strip()
    if text.isascii() and text.isdigit():
        return integer(env, "TRUSTED_PROXIES", 0, 0, 10)
    try:
        return networks(env, "TRUSTED_PROXIES", "")
    except ConfigError as error:
        raise ConfigError(f"{error} Or give the number of proxies, such as 1.") from None


def egress_proxy(url: str | None) -> str:
    """Return the URL of the proxy that all deliveries go through, or an empty text.

    Raises:
        ConfigError: The URL is invalid. The message never shows the URL, because it may hold a password.
    """
    if not url:
        return ""
    parts = split_url("EGRESS_PROXY", url)
    if "://" not in url:
        raise ConfigError("EGRESS_PROXY must start with http://, such as http://user:password@host:3128.")
    if parts.path not in ("", "/") or parts.query or parts.fragment or not url.isprintable() or " " in url.strip():
        raise ConfigError("EGRESS_PROXY must end after the port. In a user or password, write / ? # as %2F %3F %23.")
    if parts.scheme != "http" or not parts.hostname or not port_of("EGRESS_PROXY", parts, is_needed=True):
        raise ConfigError(
            "EGRESS_PROXY must be the URL of an http proxy with its port: http://user:password@host:3128."
        )
    return url.strip().rstrip("/")


def check_authorities(name: str, file: str | None) -> None:
    """Check the file of certificate authorities that the setting ``name`` names, if it names one.

    Raises:
        ConfigError: The file can't be read, or it holds no certificate.
    """
    if not file:
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(Path(file))
    except ssl.SSLError:
        raise ConfigError(f"{name} must name a file of certificates (PEM), but {file} holds none.") from None
    except OSError as error:
        raise ConfigError(f"{name} names {file}, which can't be read ({error.strerror}).") from None


def otlp_endpoint(url: str | None) -> str | None:
    """Return the address of the collector of traces, or ``None``.

    Raises:
        ConfigError: It is no http address.
    """
    if not url:
        return None
    if not http_parts("OTEL_EXPORTER_OTLP_ENDPOINT", url):
        raise ConfigError(
            "OTEL_EXPORTER_OTLP_ENDPOINT must be the address of a collector, such as http://localhost:4318."
        )
    return url.strip()
