"""Look: which webhooks have something due that may go out now, however long the queues of others are."""

import json
import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from jobs.bulk import listed, select_many, time_for
from webhooks_ui import secret_box

LOOK_MAX_WEBHOOKS = 500  # that one look passes; the next one goes on from there

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Target:
    """What sending needs to know of a webhook."""

    id: int
    url: str
    keys: tuple[bytes, ...]  # newest first; two while an old secret is in its grace period
    retry_schedule: str | None
    is_probe: bool = False  # its breaker is open: this is to see whether the endpoint is back


@dataclass(frozen=True, slots=True)
class Look:
    """Who has something due that may go out now."""

    open: dict[int, Target]  # webhooks whose deliveries go out freely
    probes: dict[int, Target]  # webhooks behind an open breaker whose pause is over
    forced: bool  # an admin wants something sent now
    cursor: int  # where the next look goes on; 0: at the beginning


def look(connection: Connection, now: datetime, after: int = 0) -> Look:
    """Find webhooks with due deliveries, by id from ``after`` on: an index seek each, however long their queues."""
    values = {"after": after, "most": LOOK_MAX_WEBHOOKS, "now": time_for(connection)(now)}
    rows = select_many(connection, _LOOKED_AT, _WAITING, values)
    last = max((row[0] for row in rows), default=0)
    found = Look({}, {}, any(row[1] for row in rows), last if len(rows) == LOOK_MAX_WEBHOOKS else 0)
    for _, _, is_open, is_probe_due, *webhook in rows:
        if is_open:
            found.open.update(target_of(webhook))
        elif is_probe_due:
            found.probes.update(target_of(webhook, is_probe=True))
    return found


def sendable(connection: Connection, webhooks: Collection[int]) -> set[int]:
    """Those of ``webhooks`` that are active, with a closed breaker; what is queued for others must not go out."""
    open = f"webhooks AS w WHERE w.id IN {listed(connection)} AND {_ACTIVE} AND w.breaker_opened_at IS NULL"
    return {id for (id,) in select_many(connection, "w.id", open, {"ids": json.dumps(list(webhooks))})}


def target_of(webhook: Sequence[Any], is_probe: bool = False) -> dict[int, Target]:
    """The webhook (``TARGET``) by its id; nothing if its secret can't be read, for then it can't be signed for."""
    id, url, retry_schedule, *encrypted = webhook
    try:
        keys = tuple(secret_box.key_bytes(secret_box.decrypt(secret)) for secret in encrypted if secret)
    except secret_box.InvalidToken:
        logger.error("The secret of webhook %d can't be decrypted: its key is not in ENCRYPTION_KEYS", id)
        return {}
    return {id: Target(id, url, keys, retry_schedule, is_probe)}


_ACTIVE = "w.active AND w.deleted_at IS NULL"
TARGET = """
    w.id, w.url, w.retry_schedule, w.secret_encrypted,
    CASE WHEN w.previous_secret_expires_at > :now THEN w.previous_secret_encrypted END
"""
_LOOKED_AT = f"""
    waiting.webhook_id, waiting.forced,
    w.breaker_opened_at IS NULL AND w.id IS NOT NULL, w.probe_at IS NULL AND w.id IS NOT NULL OR w.probe_at <= :now,
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
) AS waiting LEFT JOIN webhooks AS w ON waiting.is_due AND w.id = waiting.webhook_id AND {_ACTIVE}"""
