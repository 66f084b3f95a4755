"""Look: find the webhooks with a due delivery that may go out now, however many deliveries others have waiting."""

import json
import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

from flask import current_app
from sqlalchemy import Connection

from jobs.compose import DEFAULTS, Options
from jobs.pace import interval_seconds
from jobs.transport.exchange import ClientCertificate
from webhooks_ui.database import dialect
from webhooks_ui.database.dialect import Dialect
from webhooks_ui.models import secret_box
from webhooks_ui.models.webhook import RatePeriod, in_grace
from webhooks_ui.models.webhook_state import IS_ON, IS_SENDABLE
from webhooks_ui.webhooks.client_certificates import open_pair
from webhooks_ui.webhooks.oauth import open_client
from webhooks_ui.webhooks.own_headers import open_headers

UNREADABLE = "The headers or credentials can't be decrypted: their key is not in ENCRYPTION_KEYS. Set them anew."
LOST_PAIR = "It can't be decrypted: its key is not in ENCRYPTION_KEYS. Set it anew."
BROKEN_PAIR = "What is stored of it can't be read. Set it anew."
LOOK_MAX_WEBHOOKS = 500  # in one look; the next look begins after them

logger = logging.getLogger(__name__)
_reported: set[str] = set()  # encrypted secrets that the log names already, because each look meets them again


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
    paced_seconds: float | None  # from now until ``paced_until``


class WaitingRow(NamedTuple):
    """A webhook with pending deliveries. The columns of its target are NULL if none is due, or if it is inactive."""

    webhook_id: int
    lease_seconds: float | None  # from now until the end of the lease, if the next to come due is leased
    is_forced: bool  # an admin wants a delivery of any webhook sent now; the same in all rows
    is_open: bool
    is_probe_due: bool
    throttled_seconds: float | None  # from now until its endpoint wants more requests
    webhook: TargetRow

    @property
    def waits_seconds(self) -> float:
        """How long its deliveries wait for its rate limit, or because its endpoint asked to slow down."""
        return max(self.throttled_seconds or 0.0, self.webhook.paced_seconds or 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Look:
    """The webhooks with a due delivery that may go out now."""

    open: dict[int, Target]  # webhooks whose deliveries may all go out
    probes: dict[int, Target]  # webhooks with an open breaker whose next probe is due
    forced: bool  # an admin wants a delivery sent now
    waits_seconds: float | None  # until the first of the webhooks that must wait may send, or until a lease ends
    cursor: int  # the id after which the next look begins; 0: at the beginning


def look(connection: Connection, now: datetime, after: int = 0) -> Look:
    """Find webhooks with due deliveries, in the order of their ids, from the first one above ``after``.

    Each webhook costs one index seek, however many deliveries it has waiting.
    """
    database = dialect(connection)
    values = {"after": after, "most": LOOK_MAX_WEBHOOKS, "now": database.time_value(now)}
    first, throttled = map(database.seconds_until, ("waiting.first_at", "webhooks.throttled_until"))
    lease = f"CASE WHEN {_IS_LEASED} THEN {first} END"
    columns = f"waiting.webhook_id, {lease}, {_LOOKED_AT}, {throttled}, {_target(database)}"
    rows = database.select_rows(connection, _waiting, columns, _WAITING, values)
    last = max((row.webhook_id for row in rows), default=0)
    ready = [row for row in rows if row.is_open or row.is_probe_due]
    waiting = [row.waits_seconds for row in ready if row.waits_seconds > 0]
    waiting += [row.lease_seconds for row in rows if row.lease_seconds]
    open: dict[int, Target] = {}
    probes: dict[int, Target] = {}
    for row in ready:
        if row.waits_seconds == 0 and (target := target_of(row.webhook, now, is_probe=not row.is_open)):
            (open if row.is_open else probes)[target.id] = target
    is_forced = any(row.is_forced for row in rows)
    return Look(open, probes, is_forced, min(waiting, default=None), last if len(rows) == LOOK_MAX_WEBHOOKS else 0)


def sendable(connection: Connection, now: datetime, webhooks: Collection[int]) -> set[int]:
    """Return those of ``webhooks`` whose deliveries may go out now. Send nothing queued to others."""
    database = dialect(connection)
    isnt_throttled = "(webhooks.throttled_until IS NULL OR webhooks.throttled_until <= :now)"
    source = f"webhooks WHERE webhooks.id IN {database.JSON_IDS} AND {IS_SENDABLE} AND {isnt_throttled}"
    values = {"ids": json.dumps(list(webhooks)), "now": database.time_value(now)}
    return set(database.select_rows(connection, int, "webhooks.id", source, values))


def targets_of(connection: Connection, now: datetime, webhooks: Collection[int]) -> dict[int, Target]:
    """Return the targets of ``webhooks``, whatever their state."""
    database = dialect(connection)
    values = {"ids": json.dumps(list(webhooks)), "now": database.time_value(now)}
    source = f"webhooks WHERE webhooks.id IN {database.JSON_IDS}"
    rows = database.select_rows(connection, TargetRow, _target(database), source, values)
    return {target.id: target for row in rows if (target := target_of(row, now))}


def target_of(row: TargetRow, now: datetime, is_probe: bool = False) -> Target | None:
    """Return the target, or ``None`` if its secret can't be decrypted or is none.

    An older secret that can't be decrypted is left out.
    """
    older = tuple(secret["secret_encrypted"] for secret in in_grace(json.loads(row.older_secrets), now))
    keys = tuple(current_app.config["ENCRYPTION_KEYS"])
    try:
        target = _target_of(row._replace(paced_seconds=None), older, is_probe, keys)
    except (secret_box.Undecryptable, ValueError) as error:  # whatever it is, the other webhooks go on
        if row.secret_encrypted not in _reported:
            what = f"used: {error}" if isinstance(error, ValueError) else "decrypted: its key is not in ENCRYPTION_KEYS"
            logger.error("The secret of webhook %d can't be %s", row.id, what)
            _reported.add(row.secret_encrypted)
        return None
    if row.paced_seconds is not None:
        target = replace(target, paced_until=now + timedelta(seconds=row.paced_seconds))
    return target


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
        tuple(json.loads(row.retry_delays)) if row.retry_delays else None,
        row.name,
        row.version,
    )


def _waiting(*values: Any) -> WaitingRow:
    return WaitingRow._make((*values[:6], TargetRow(*values[6:])))


def _options(row: TargetRow) -> Options:
    auth = json.loads(row.auth or "null")
    try:
        own, client = open_headers(json.loads(row.headers), auth), open_client(auth)
    except (secret_box.Undecryptable, ValueError, KeyError):
        return Options(row.format, unusable=UNREADABLE)
    if row.client_certificate is None:
        return Options(row.format, own, client)
    try:
        pair = open_pair(json.loads(row.client_certificate))
    except secret_box.Undecryptable:
        return Options(row.format, lost_certificate=LOST_PAIR)
    except (ValueError, KeyError, TypeError):
        return Options(row.format, lost_certificate=BROKEN_PAIR)
    shown = ClientCertificate(pair.certificate.encode(), pair.key.encode()) if pair else None
    return Options(row.format, own, client, shown)


_JSON = {"older_secrets", "headers", "auth", "client_certificate", "retry_delays"}


def _target(database: Dialect) -> str:
    """Return the columns of ``TargetRow``."""
    names = TargetRow._fields[:-1]
    stored = (f"CAST(webhooks.{name} AS TEXT)" if name in _JSON else f"webhooks.{name}" for name in names)
    return ", ".join([*stored, database.seconds_until("webhooks.paced_until")])


# In a webhook that keeps the order, all others wait for the first delivery.
_HAS_NEXT = """(NOT webhooks.in_order OR (
        SELECT d.due_at <= :now FROM deliveries AS d
        WHERE d.in_order AND d.due_at IS NOT NULL AND d.webhook_id = webhooks.id ORDER BY d.id LIMIT 1
    ))"""
# Its worker may have been killed. A scalar subquery: for EXISTS, PostgreSQL might first hash all that is leased.
_IS_LEASED = """waiting.first_at > :now AND (
        SELECT d.lease_token IS NOT NULL FROM deliveries AS d
        WHERE d.webhook_id = waiting.webhook_id AND d.due_at = waiting.first_at LIMIT 1
    )"""
_LOOKED_AT = f"""
    waiting.forced,
    webhooks.breaker_opened_at IS NULL AND webhooks.id IS NOT NULL AND {_HAS_NEXT},
    (webhooks.probe_at IS NULL AND webhooks.id IS NOT NULL OR webhooks.probe_at <= :now) AND {_HAS_NEXT}
"""
_WAITING = f"""(
    WITH RECURSIVE waiting (webhook_id) AS (
        SELECT (SELECT min(webhook_id) FROM deliveries WHERE due_at IS NOT NULL AND webhook_id > :after)
        UNION ALL
        SELECT (SELECT min(d.webhook_id) FROM deliveries AS d
                WHERE d.due_at IS NOT NULL AND d.webhook_id > waiting.webhook_id)
        FROM waiting WHERE waiting.webhook_id IS NOT NULL
    )
    SELECT webhook_id, (
        SELECT min(due_at) FROM deliveries WHERE due_at IS NOT NULL AND deliveries.webhook_id = waiting.webhook_id
    ) AS first_at, EXISTS (SELECT 1 FROM deliveries WHERE forced AND due_at <= :now) AS forced
    FROM waiting WHERE webhook_id IS NOT NULL LIMIT :most
) AS waiting LEFT JOIN webhooks ON waiting.first_at <= :now AND webhooks.id = waiting.webhook_id AND {IS_ON}"""
