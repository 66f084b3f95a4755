"""Reads the settings from environment variables and checks them. ``webhooks_ui/configuration`` knows each kind."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from webhooks_ui import instance_folder
from webhooks_ui.config_error import ConfigError as ConfigError
from webhooks_ui.configuration.addresses import (
    allowed_hosts,
    check_authorities,
    database_url,
    egress_proxy,
    http_address,
    otlp_endpoint,
    public_url,
    redis_url,
    trusted_proxies,
)
from webhooks_ui.configuration.keys import encryption_keys, metrics_token, secret_key
from webhooks_ui.configuration.mail import mail_from, smtp_server
from webhooks_ui.configuration.sign_in import admin_email, admin_password, oidc_provider, password_sign_in
from webhooks_ui.configuration.values import Given, integer, is_on, networks, one_of

ROOT = Path(__file__).resolve().parent
OWN_TIMEOUT_MAX_SECONDS = 30  # of a request, that a webhook may set for itself
LOG_LEVELS = ("debug", "info", "warning", "error")
LOG_FORMATS = ("json", "text")

_kept: Mapping[str, Any] | None = None


def keep(settings: Mapping[str, Any]) -> None:
    """Let ``load`` return ``settings`` from now on, also in forked processes. To read them anew takes memory."""
    global _kept
    _kept = settings


def load(environ: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Read all settings from ``environ``. Default: what ``keep`` has kept, or the process environment.

    Raises:
        ConfigError: A value is invalid, or a value that production needs is missing.
    """
    if environ is None and _kept is not None:
        return dict(_kept)
    env = Given(os.environ if environ is None else environ)
    production = _is_production(env.get("APP_ENV"))
    instance = instance_folder.absolute(env.get("INSTANCE_PATH") or str(ROOT / "instance"))
    instance_folder.tighten(instance)
    # The processes read it from the environment themselves
    check_authorities("REQUESTS_CA_BUNDLE", env.get("REQUESTS_CA_BUNDLE"))
    database = database_url(env.get("DATABASE_URL"), instance)
    redis = redis_url(env.get("REDIS_URL")) or f"unix://{quote(str(instance_folder.redis_socket(instance)))}"
    portal = public_url(env.get("PUBLIC_URL"))
    host, port = env.get("HOST") or "127.0.0.1", integer(env, "PORT", 8000, 1, 65_535)
    return {
        "PRODUCTION": production,
        "INSTANCE_PATH": instance,
        "SQLALCHEMY_DATABASE_URI": database,
        "REDIS_URL": redis,
        "REDIS_EMBEDDED": not env.get("REDIS_URL"),
        "SECRET_KEY": secret_key(env, instance, production),
        "ENCRYPTION_KEYS": encryption_keys(env, instance, production, database),
        "ADMIN_EMAIL": admin_email(env.get("ADMIN_EMAIL")),
        "ADMIN_PASSWORD": admin_password(env.get("ADMIN_PASSWORD"), production),
        "HOST": host,
        "PORT": port,
        "PUBLIC_URL": portal or http_address(host, port),
        "LINKED_PORTAL": portal,  # messages in chats link to it, unless nobody said it
        "TRUSTED_PROXIES": trusted_proxies(env),
        "ALLOWED_HOSTS": allowed_hosts(env.get("ALLOWED_HOSTS"), portal),
        "SMTP": smtp_server(env.get("SMTP_URL")),
        "MAIL_FROM": mail_from(env, production),
        "OIDC": oidc_provider(env),
        "PASSWORD_SIGN_IN": password_sign_in(env),
        "WEB_PROCESSES": integer(env, "WEB_PROCESSES", 2, 1, 64),
        "WEB_THREADS": integer(env, "WEB_THREADS", 4, 1, 64),
        "WEB_CONNECTIONS": integer(env, "WEB_CONNECTIONS", 4_096, 64, 65_536),
        "REQUEST_HEAD_SECONDS": integer(env, "REQUEST_HEAD_SECONDS", 10, 1, 300),
        "REQUEST_BODY_SECONDS": integer(env, "REQUEST_BODY_SECONDS", 30, 1, 3_600),
        "WORKERS": integer(env, "WORKERS", os.cpu_count() or 1, 1, 256),
        "IN_FLIGHT": integer(env, "IN_FLIGHT", 1_024, 4, 16_384),
        "REQUEST_TIMEOUT_SECONDS": integer(env, "REQUEST_TIMEOUT_SECONDS", 10, 1, 300),
        "EXPRESS_LANE": is_on(env, "EXPRESS_LANE"),
        "EGRESS_PROXY": egress_proxy(env.get("EGRESS_PROXY")),
        "ALLOWED_TARGETS": networks(env, "ALLOWED_TARGETS", "" if production else "127.0.0.0/8,::1/128"),
        "METRICS_TOKEN": metrics_token(env.get("METRICS_TOKEN")),
        "LOG_LEVEL": one_of(env, "LOG_LEVEL", "info" if production else "warning", LOG_LEVELS),
        "LOG_FORMAT": one_of(env, "LOG_FORMAT", "json" if production else "text", LOG_FORMATS),
        "OTLP_ENDPOINT": otlp_endpoint(env.get("OTEL_EXPORTER_OTLP_ENDPOINT")),
        "RATELIMIT_STORAGE_URI": redis.replace("unix://", "redis+unix://", 1),
        "RATELIMIT_STORAGE_OPTIONS": {"socket_timeout": 1, "socket_connect_timeout": 1},
        "RATELIMIT_IN_MEMORY_FALLBACK_ENABLED": True,  # requests succeed even while Redis is down
        # Browsers take a cookie with this prefix only from this host itself, and never from a neighbour for the domain.
        "SESSION_COOKIE_NAME": "__Host-session" if production else "session",
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "SESSION_COOKIE_SECURE": production,
        "PERMANENT_SESSION_LIFETIME": 7 * 24 * 3600,  # of the cookie. people/sessions ends sessions, also earlier
        # An answer that changes nothing sends no cookie. Else one that comes late would undo what another one set.
        "SESSION_REFRESH_EACH_REQUEST": False,
        "WTF_CSRF_TIME_LIMIT": None,  # the token is valid as long as the session: a form left open still saves
        "MAX_CONTENT_LENGTH": 8 * 1024 * 1024,
        "MAX_FORM_MEMORY_SIZE": 2 * 1024 * 1024,  # an example of 256 KiB, with a line for each value, escaped
    }


def _is_production(name: str | None) -> bool:
    if (name or "development") not in ("development", "production"):
        raise ConfigError(f"APP_ENV must be development or production, not {name!r}.")
    return name == "production"
