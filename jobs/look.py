"""Look: find the webhooks with a due delivery that may go out now, however many deliveries others have waiting."""

import json
import logging
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection

from webhooks_ui.database import dialect
from webhooks_ui.models import secret_box
from webhooks_ui.models.webhook import IS_ON, IS_SENDABLE

LOOK_MAX_WEBHOOKS = 500  # in one look; the next look begins after them

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Target:
    """What sending needs to know about a webhook."""

    id: int
    url: str
    keys: tuple[bytes, ...]  # newest first; two during the grace period of an old secret
    retry_schedule: str | None
    is_probe: bool = False  # its breaker is open, and the request checks whether the endpoint is back


class TargetRow(NamedTuple):
    """The columns in ``TARGET``."""

    id: int
    url: str
    retry_schedule: str | None
    secret_encrypted: str
    previous_secret_encrypted: str | None  # only during its grace period


class WaitingRow(NamedTuple):
    """A webhook with pending deliveries. The columns of its target are NULL if none is due, or if it is inactive."""

    webhook_id: int
    is_forced: bool  # an admin wants a delivery of any webhook sent now; the same in all rows
    is_open: bool
    is_probe_due: bool
    webhook: TargetRow


@dataclass(frozen=True, slots=True)
class Look:
    """The webhooks with a due delivery that may go out now."""

    open: dict[int, Target]  # webhooks whose deliveries may all go out
    probes: dict[int, Target]  # webhooks with an open breaker whose next probe is due
    forced: bool  # an admin wants a delivery sent now
    cursor: int  # the id after which the next look begins; 0: at the beginning


def look(connection: Connection, now: datetime, after: int = 0) -> Look:
    """Find webhooks with due deliveries, in the order of their ids, from the first one above ``after``.

    Each webhook costs one index seek, however many deliveries it has waiting.
    """
    database = dialect(connection)
    values = {"after": after, "most": LOOK_MAX_WEBHOOKS, "now": database.time_value(now)}
    rows = database.select_rows(connection, _waiting, _LOOKED_AT, _WAITING, values)
    last = max((row.webhook_id for row in rows), default=0)
    found = Look({}, {}, any(row.is_forced for row in rows), last if len(rows) == LOOK_MAX_WEBHOOKS else 0)
    for row in rows:
        if row.is_open:
            found.open.update(target_of(row.webhook))
        elif row.is_probe_due:
            found.probes.update(target_of(row.webhook, is_probe=True))
    return found


def sendable(connection: Connection, webhooks: Collection[int]) -> set[int]:
    """Return those of ``webhooks`` that are active and have a closed breaker. Send nothing queued to others."""
    database = dialect(connection)
    source = f"webhooks WHERE webhooks.id IN {database.JSON_IDS} AND {IS_SENDABLE}"
    return set(database.select_rows(connection, int, "webhooks.id", source, {"ids": json.dumps(list(webhooks))}))


def targets_of(connection: Connection, now: datetime, webhooks: Collection[int]) -> dict[int, Target]:
    """Return the targets of ``webhooks``, whatever their state."""
    database = dialect(connection)
    values = {"ids": json.dumps(list(webhooks)), "now": database.time_value(now)}
    source = f"webhooks WHERE webhooks.id IN {database.JSON_IDS}"
    found: dict[int, Target] = {}
    for row in database.select_rows(connection, TargetRow, TARGET, source, values):
        found.update(target_of(row))
    return found


def target_of(row: TargetRow, is_probe: bool = False) -> dict[int, Target]:
    """Return the target under its webhook's id, or an empty dict if its secret can't be decrypted."""
    encrypted = row.secret_encrypted, row.previous_secret_encrypted
    try:
        keys = tuple(secret_box.key_bytes(secret_box.decrypt(secret)) for secret in encrypted if secret)
    except secret_box.InvalidToken:
        logger.error("The secret of webhook %d can't be decrypted: its key is not in ENCRYPTION_KEYS", row.id)
        return {}
    return {row.id: Target(row.id, row.url, keys, row.retry_schedule, is_probe)}


def _waiting(webhook_id: int, is_forced: bool, is_open: bool, is_probe_due: bool, *target: Any) -> WaitingRow:
    return WaitingRow(webhook_id, is_forced, is_open, is_probe_due, TargetRow(*target))


TARGET = """
    webhooks.id, webhooks.url, webhooks.retry_schedule, webhooks.secret_encrypted,
    CASE WHEN webhooks.previous_secret_expires_at > :now THEN webhooks.previous_secret_encrypted END
"""
_LOOKED_AT = f"""
    waiting.webhook_id, waiting.forced,
    webhooks.breaker_opened_at IS NULL AND webhooks.id IS NOT NULL,
    webhooks.probe_at IS NULL AND webhooks.id IS NOT NULL OR webhooks.probe_at <= :now,
    {TARGET}
"""
_WAITING = f"""(
    WITH RECURSIVE waiting (webhook_id) AS (
        SELECT (SELECT min(webhook_id) FROM deliveries WHERE status = 'pending' AND webhook_id > :after)
        UNION ALL
        SELECT (SELECT min(d.webhook_id) FROM deliveries AS d
                WHERE d.status = 'pending' AND d.webhook_id > waiting.webhook_id)
        FROM waiting WHERE waiting.webhook_id IS NOT NULL
    )
    SELECT webhook_id, :now >= (
        SELECT min(due_at) FROM deliveries WHERE status = 'pending' AND deliveries.webhook_id = waiting.webhook_id
    ) AS is_due, EXISTS (SELECT 1 FROM deliveries WHERE forced AND due_at <= :now) AS forced
    FROM waiting WHERE webhook_id IS NOT NULL LIMIT :most
) AS waiting LEFT JOIN webhooks ON waiting.is_due AND webhooks.id = waiting.webhook_id AND {IS_ON}"""
