"""Look: find the webhooks with a due delivery that may go out now, however many deliveries others have waiting."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection

from jobs.target import Target, TargetRow, target_columns, target_of
from webhooks_ui.database import dialect
from webhooks_ui.models.delivery import FORCED_AND_DUE
from webhooks_ui.models.webhook_state import IS_ON, IS_SENDABLE

LOOK_MAX_WEBHOOKS = 500  # in one look; the next look begins after them


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
    columns = f"waiting.webhook_id, {lease}, {_LOOKED_AT}, {throttled}, {target_columns(database)}"
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


def _waiting(*values: Any) -> WaitingRow:
    return WaitingRow._make((*values[:6], TargetRow(*values[6:])))


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
    ) AS first_at, EXISTS (SELECT 1 FROM deliveries WHERE {FORCED_AND_DUE}) AS forced
    FROM waiting WHERE webhook_id IS NOT NULL LIMIT :most
) AS waiting LEFT JOIN webhooks ON waiting.first_at <= :now AND webhooks.id = waiting.webhook_id AND {IS_ON}"""
