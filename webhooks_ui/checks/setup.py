"""The further checks of ``flask doctor``, one function each: settings, clocks, disk, host names, mail and others.

They may take longer than those of ``/readyz``, and what they find rarely stops the service at once.
"""

import contextlib
import ipaddress
import os
import shutil
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from flask import current_app
from redis import Redis, RedisError
from sqlalchemy import select

from jobs.chores.mail import try_server
from jobs.transport.authorities import tls_context
from webhooks_ui import __version__
from webhooks_ui.checks import Check, Level, Trouble
from webhooks_ui.database import db, dialect
from webhooks_ui.models import Event, Process, Webhook, utcnow
from webhooks_ui.models.setting import unusable_settings
from webhooks_ui.models.webhook_state import IS_ON

CLOCK_TOLERANCE = timedelta(seconds=5)
CLOCK_MAX = timedelta(minutes=2)  # receivers refuse signatures of another time (Standard Webhooks, "Replay attacks")
DISK_SHARE = 0.05
DISK_LOW_BYTES = 1024**3
LOG_MAX_BYTES = 256 * 1024 * 1024  # of SQLite's write-ahead log, four times what is usual
HOSTS_LOOKED_UP = 20


def settings() -> Trouble | None:
    """Find settings that are valid, but hardly meant."""
    config, found = current_app.config, []
    local = config["HOST"] in ("127.0.0.1", "::1", "localhost")
    if not config["PRODUCTION"] and not local:
        found.append("HOST opens the service to the network, but APP_ENV is not production.")
    if config["PRODUCTION"] and not config["PUBLIC_URL"].startswith("https://"):
        found.append("PUBLIC_URL is no https address, but cookies need https.")
    if config["PUBLIC_URL"].startswith("https://") and not config["TRUSTED_PROXIES"]:
        found.append(
            "PUBLIC_URL is an https address, but TRUSTED_PROXIES is not set: all clients seem to be the proxy."
        )
    if config["PRODUCTION"] and not config["METRICS_TOKEN"]:
        found.append("METRICS_TOKEN is not set, so only this machine can read /metrics.")
    if config["PRODUCTION"] and config["REDIS_EMBEDDED"]:
        found.append("REDIS_URL is not set, so all processes must run on this machine.")
    return Trouble(Level.DEGRADED, " ".join(found), "See Settings in the README.") if found else None


def saved_settings() -> Trouble | None:
    """Find settings in the database that a person or another version wrote, and that can't be used."""
    if not (found := unusable_settings()):
        return None
    names = ", ".join(found)
    return Trouble(
        Level.DEGRADED, f"What is stored of these settings can't be used: {names}.", "Save them anew in the portal."
    )


def versions() -> Trouble | None:
    """Find processes that run another version, as in the middle of an upgrade."""
    with db.engine.connect() as connection:
        rows = connection.execute(select(Process.kind, Process.host, Process.pid, Process.version)).all()
    others = [f"{row.kind} {row.pid} on {row.host} ({row.version})" for row in rows if row.version != __version__]
    if not others:
        return None
    return Trouble(Level.DEGRADED, f"Not all processes run version {__version__}.", f"Restart: {', '.join(others)}.")


def clock() -> Trouble | None:
    """Compare this machine's clock with those of the database and of Redis, and with the newest event."""
    differences = {}
    with db.engine.connect() as connection:
        if at := dialect(connection).server_time(connection):
            differences["the database server"] = utcnow() - at
        newest = connection.scalar(select(Event.created_at).order_by(Event.id.desc()).limit(1))
    client: Redis = current_app.extensions["redis"]
    with contextlib.suppress(RedisError):  # another check tells that Redis is away
        seconds, microseconds = client.time()
        differences["Redis"] = utcnow() - datetime.fromtimestamp(seconds, UTC) - timedelta(microseconds=microseconds)
    name, difference = max(differences.items(), key=lambda item: abs(item[1]), default=("", timedelta()))
    if abs(difference) > CLOCK_TOLERANCE:
        level = Level.FAILED if abs(difference) > CLOCK_MAX else Level.DEGRADED
        sentence = f"The clocks of this machine and of {name} differ by {abs(difference).total_seconds():.0f} seconds."
        return Trouble(level, sentence, "Synchronize them, for example with chrony or systemd-timesyncd.")
    if newest and newest > utcnow() + CLOCK_TOLERANCE:
        sentence = f"The newest event is from {newest:%Y-%m-%d %H:%M:%S} UTC, which is in the future."
        return Trouble(Level.DEGRADED, sentence, "The clock was set back. Check that it is right now.")
    return None


def disk_space() -> Trouble | None:
    """Find out whether the disk with the instance folder, or with the database, is getting full."""
    file = dialect(db.engine).data_file(db.engine)
    folders = {Path(current_app.config["INSTANCE_PATH"]), *([file.parent] if file else [])}
    for folder in sorted({_nearest_existing(folder) for folder in folders}):
        usage = shutil.disk_usage(folder)
        if usage.free < min(DISK_LOW_BYTES, usage.total * DISK_SHARE):
            left = f"{usage.free // 2**20:,} MiB of {usage.total // 2**20:,} are left on the disk of {folder}."
            return Trouble(Level.DEGRADED, left, "Make room, or shorten the retention in the settings.")
    return None


def write_ahead_log() -> Trouble | None:
    """Find out whether SQLite's write-ahead log has grown, because somebody reads for hours without an end."""
    size = dialect(db.engine).log_bytes(db.engine) or 0
    if size <= LOG_MAX_BYTES:
        return None
    sentence = f"SQLite's write-ahead log has {size // 2**20:,} MiB."
    return Trouble(Level.DEGRADED, sentence, "A program holds an old state of the database open. End it.")


def names() -> Trouble | None:
    """Resolve the host names of some active webhooks."""
    with db.engine.connect() as connection:
        urls = connection.scalars(select(Webhook.url).where(IS_ON).order_by(Webhook.id.desc()).limit(200)).all()
    hosts = [host for url in urls if (host := urlsplit(url).hostname or "") and not _is_address(host)]
    hosts = list(dict.fromkeys(hosts))[:HOSTS_LOOKED_UP]
    unknown = [host for host in hosts if not _resolves(host)]
    if not unknown:
        return None
    if len(unknown) == len(hosts):
        sentence = f"No host name of an active webhook can be resolved. {len(hosts)} were tried."
        return Trouble(Level.FAILED, sentence, "Check /etc/resolv.conf, and the way to the name servers.")
    sentence = f"{len(unknown)} of {len(hosts)} host names of active webhooks can't be resolved."
    return Trouble(Level.DEGRADED, sentence, f"These are: {', '.join(unknown)}.")


def certificates() -> Trouble | None:
    """Load the certificate authorities that endpoints and mail servers are verified against."""
    try:
        context = tls_context()
    except OSError as error:
        sentence = "The certificate authorities can't be loaded."
        bundle = os.environ.get("REQUESTS_CA_BUNDLE", "")
        return Trouble(Level.FAILED, sentence, f"Check REQUESTS_CA_BUNDLE={bundle}: {error}")
    if context.cert_store_stats()["x509_ca"]:
        return None
    return Trouble(Level.FAILED, "There is no certificate authority, so no https endpoint can be verified.")


def mail() -> Trouble | None:
    """Connect to the mail server and log in, without sending anything."""
    server = current_app.config["SMTP"]
    if server is None:
        return None
    try:
        try_server(server)
    except OSError as error:
        where = f"{server.host}:{server.port}"
        return Trouble(Level.DEGRADED, f"The mail server {where} can't be used.", f"It says: {error}")
    return None


CHECKS = (
    Check("settings", settings),
    Check("saved settings", saved_settings, needs=("database", "migrations")),
    Check("versions", versions, needs=("database", "migrations")),
    Check("clock", clock, needs=("database", "migrations")),
    Check("disk space", disk_space),
    Check("write-ahead log", write_ahead_log, needs=("database",)),
    Check("host names", names, needs=("database", "migrations")),
    Check("certificates", certificates),
    Check("mail", mail),
)


def _nearest_existing(folder: Path) -> Path:
    """Return ``folder``, or the nearest parent that exists. Production with PostgreSQL makes no instance folder."""
    return next(path for path in (folder, *folder.parents) if path.exists())


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _resolves(host: str) -> bool:
    try:
        socket.getaddrinfo(host, 443, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return False
    return True
