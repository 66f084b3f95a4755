"""Target: what sending needs to know about a webhook, with its secrets decrypted."""

import json
import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

from flask import current_app
from sqlalchemy import Connection

from jobs.compose import DEFAULTS, Options
from jobs.pace import interval_seconds
from jobs.transport.exchange import ClientCertificate
from webhooks_ui.database import dialect
from webhooks_ui.database.dialect import Dialect
from webhooks_ui.models import secret_box
from webhooks_ui.models.webhook import RatePeriod, in_grace
from webhooks_ui.schedules import check_delays
from webhooks_ui.webhooks.client_certificates import open_pair
from webhooks_ui.webhooks.oauth import open_client
from webhooks_ui.webhooks.own_headers import open_headers

UNREADABLE = "The headers or credentials can't be decrypted: their key is not in ENCRYPTION_KEYS. Set them anew."
BROKEN = "What is stored of the headers or credentials can't be read. Set them anew."
LOST_PAIR = "It can't be decrypted: its key is not in ENCRYPTION_KEYS. Set it anew."
BROKEN_PAIR = "What is stored of it can't be read. Set it anew."
REPORTED_MAX = 10_000  # webhooks

logger = logging.getLogger(__name__)
_reported: set[tuple[int, int, str]] = set()  # what the log names already, because each look meets it again


@dataclass(frozen=True, slots=True)
class Target:
    """What sending needs to know about a webhook."""

    id: int
    url: str
    keys: tuple[bytes, ...]  # newest first; the others are of older secrets in their grace periods
    retry_schedule: str | None
    in_order: bool = False  # one request at a time, in the order of publishing
    interval: float | None = None  # seconds between two requests, if its rate is limited
    paced_until: datetime | None = None  # see jobs.pace
    is_probe: bool = False  # its breaker is open, and the request checks whether the endpoint is back
    options: Options = DEFAULTS
    timeout_seconds: int | None = None  # None: as the setting says
    retry_delays: tuple[int, ...] | None = None  # of its own schedule
    name: str = ""
    version: int = 0  # see models.webhook
    environment: str = ""  # its own, which that of an event that is sent by hand may differ from


class TargetRow(NamedTuple):
    """The columns that a ``Target`` is made of."""

    id: int
    url: str
    retry_schedule: str | None
    secret_encrypted: str
    older_secrets: str  # JSON, see models.webhook
    in_order: bool
    rate_limit: int | None
    rate_period: str
    throttle_rate: float | None
    format: str
    headers: str  # JSON, as the next two
    auth: str | None
    client_certificate: str | None
    retry_delays: str | None
    timeout_seconds: int | None
    name: str
    version: int
    environment: str
    paced_seconds: float | None  # from now until ``paced_until``


_JSON = {"older_secrets", "headers", "auth", "client_certificate", "retry_delays"}


def target_columns(database: Dialect) -> str:
    """Return the columns of ``TargetRow``."""
    names = TargetRow._fields[:-1]
    stored = (f"CAST(webhooks.{name} AS TEXT)" if name in _JSON else f"webhooks.{name}" for name in names)
    return ", ".join([*stored, database.seconds_until("webhooks.paced_until")])


def targets_of(connection: Connection, now: datetime, webhooks: Collection[int]) -> dict[int, Target]:
    """Return the targets of ``webhooks``, whatever their state."""
    database = dialect(connection)
    values = {"ids": json.dumps(list(webhooks)), "now": database.time_value(now)}
    source = f"webhooks WHERE webhooks.id IN {database.JSON_IDS}"
    rows = database.select_rows(connection, TargetRow, target_columns(database), source, values)
    return {target.id: target for row in rows if (target := target_of(row, now))}


def target_of(row: TargetRow, now: datetime, is_probe: bool = False) -> Target | None:
    """Return the target, or ``None`` if its secret can't be decrypted, or if what is stored of it can't be used.

    An older secret that can't be decrypted is left out.
    """
    keys = tuple(current_app.config["ENCRYPTION_KEYS"])
    try:
        older = tuple(secret["secret_encrypted"] for secret in in_grace(json.loads(row.older_secrets), now))
        target = _target_of(row._replace(paced_seconds=None), older, is_probe, keys)
    except secret_box.Undecryptable:
        _report(row, "The secret of webhook %d can't be decrypted: its key is not in ENCRYPTION_KEYS")
        return None
    except Exception as error:  # whatever a person wrote into its row, the other webhooks go on
        _report(row, "Webhook %d can't be used, so its deliveries wait: %r", error)
        return None
    if row.paced_seconds is not None:
        target = replace(target, paced_until=now + timedelta(seconds=row.paced_seconds))
    return target


def _report(row: TargetRow, message: str, *more: object) -> None:
    """Log what is wrong with a webhook, once for each change of it."""
    key = row.id, row.version, row.secret_encrypted
    if key not in _reported:
        if len(_reported) >= REPORTED_MAX:
            _reported.clear()
        _reported.add(key)
        logger.error(message, row.id, *more)


@lru_cache(maxsize=4_096)  # a webhook is looked at many times a second
def _target_of(row: TargetRow, older: Sequence[str], is_probe: bool, _keys: Sequence[str]) -> Target:
    """Return the target, but for its pace.

    Args:
        older: its encrypted older secrets that are in grace.
        _keys: those that decrypt it.
    """
    newest = secret_box.decrypt(row.secret_encrypted)
    secrets = (newest, *(secret_box.decrypt(secret) for secret in older if secret_box.is_readable(secret)))
    return Target(
        row.id,
        row.url,
        tuple(map(secret_box.key_bytes, secrets)),
        row.retry_schedule,
        bool(row.in_order),
        interval_seconds(row.rate_limit, RatePeriod(row.rate_period).seconds, row.throttle_rate),
        None,
        is_probe,
        _options(row),
        row.timeout_seconds,
        tuple(check_delays(delays)) if (delays := json.loads(row.retry_delays or "null")) else None,
        row.name,
        row.version,
        row.environment,
    )


def _options(row: TargetRow) -> Options:
    auth = json.loads(row.auth or "null")
    try:
        own, client = open_headers(json.loads(row.headers), auth), open_client(auth)
    except secret_box.Undecryptable:
        return Options(row.format, unusable=UNREADABLE)
    except Exception:  # whatever a person wrote into its row, the attempt says what to do
        return Options(row.format, unusable=BROKEN)
    if row.client_certificate is None:
        return Options(row.format, own, client)
    try:
        pair = open_pair(json.loads(row.client_certificate))
    except secret_box.Undecryptable:
        return Options(row.format, lost_certificate=LOST_PAIR)
    except Exception:  # likewise
        return Options(row.format, lost_certificate=BROKEN_PAIR)
    shown = ClientCertificate(pair.certificate.encode(), pair.key.encode()) if pair else None
    return Options(row.format, own, client, shown)
