"""Claim: lease due deliveries, a few of each webhook, so that no backlog stands before another webhook's next event.

A lease is a token and an end. The end is kept in ``due_at``: a lease that ran out is simply due again, whoever held it.
"""

import json
import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, TextClause, bindparam, select, text, update

from webhooks_ui import secret_box
from webhooks_ui.models import Delivery, Event, Webhook
from webhooks_ui.models.types import UtcDateTime

LEASE_SECONDS = 7
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
class Claimed:
    """A leased delivery, ready to be sent."""

    id: int
    target: Target
    event_id: str
    event_type: str
    environment: str
    body: bytes
    attempt: int  # the number of the attempt to make, from 1
    attempts_allowed: int | None


@dataclass(frozen=True, slots=True)
class Look:
    """Who has something due that may go out now."""

    open: dict[int, Target]  # webhooks whose deliveries go out freely
    probes: dict[int, Target]  # webhooks behind an open breaker whose pause is over
    forced: bool  # an admin wants something sent now
    cursor: int  # where the next look goes on; 0: at the beginning


def look(connection: Connection, now: datetime, after: int = 0) -> Look:
    """Find webhooks with due deliveries, by id from ``after`` on: an index seek each, however long their queues."""
    rows = connection.execute(_WAITING, {"after": after, "most": LOOK_MAX_WEBHOOKS, "now": now}).all()
    forced = any(row.forced for row in rows)
    found = Look({}, {}, forced, rows[-1].webhook_id if len(rows) == LOOK_MAX_WEBHOOKS else 0)
    for state in _states(connection, [row.webhook_id for row in rows if row.due_at and row.due_at <= now]):
        if not state.active or state.deleted_at:
            continue
        if state.breaker_opened_at is None:
            found.open.update(_target(state, now))
        elif state.probe_at is None or state.probe_at <= now:
            found.probes.update(_target(state, now, is_probe=True))
    return found


def claim(
    connection: Connection, now: datetime, token: str, targets: dict[int, Target], each: int, most: int
) -> list[Claimed]:
    """Lease up to ``each`` due deliveries of each of ``targets``, in that order, and ``most`` in all."""
    if not targets or most <= 0:
        return []
    leased = _lease(connection, now, token, list(targets), each, most)
    return _load(connection, leased, targets)


def claim_probes(connection: Connection, now: datetime, token: str, targets: dict[int, Target]) -> list[Claimed]:
    """Lease one delivery of each webhook whose breaker is open; no second probe goes out while it is under way."""
    if not targets:
        return []
    pause = {"probe_at": now + timedelta(seconds=LEASE_SECONDS)}
    still_due = Webhook.id.in_(list(targets)), (Webhook.probe_at.is_(None) | (Webhook.probe_at <= now))
    taken = connection.execute(update(Webhook).where(*still_due).values(pause).returning(Webhook.id)).scalars().all()
    return claim(connection, now, token, {id: targets[id] for id in taken}, 1, len(targets))


def claim_forced(connection: Connection, now: datetime, token: str, most: int) -> list[Claimed]:
    """Lease what an admin wants sent now, whatever the state of its webhook."""
    values = {"now": now, "end": _end(now), "token": token, "most": most}
    leased = connection.execute(_LEASE_FORCED[connection.dialect.name], values).all()
    if not leased:
        return []
    targets: dict[int, Target] = {}
    for state in _states(connection, {row.webhook_id for row in leased}):
        targets.update(_target(state, now))
    return _load(connection, leased, targets)


def renew(connection: Connection, now: datetime, token: str, ids: Collection[int]) -> None:
    """Push the end of the leases that ``token`` still holds on ``ids`` into the future."""
    held = Delivery.id.in_(list(ids)), Delivery.lease_token == token
    connection.execute(update(Delivery).where(*held).values(due_at=_end(now)))


def release(connection: Connection, now: datetime, token: str, ids: Collection[int]) -> None:
    """Give back, unsent, what ``token`` still holds of ``ids``: it is due at once."""
    if ids:
        held = Delivery.id.in_(list(ids)), Delivery.lease_token == token
        connection.execute(update(Delivery).where(*held).values(due_at=now, lease_token=None))


def sendable(connection: Connection, webhooks: Collection[int]) -> set[int]:
    """Those of ``webhooks`` that are active, with a closed breaker; what is queued for others must not go out."""
    states = _states(connection, webhooks)
    return {state.id for state in states if state.active and not state.deleted_at and state.breaker_opened_at is None}


_WAITING_TEXT = text(
    """
    WITH RECURSIVE waiting (webhook_id) AS (
        SELECT (SELECT min(webhook_id) FROM deliveries WHERE status = 'pending' AND webhook_id > :after)
        UNION ALL
        SELECT (SELECT min(d.webhook_id) FROM deliveries AS d
                WHERE d.status = 'pending' AND d.webhook_id > waiting.webhook_id)
        FROM waiting WHERE waiting.webhook_id IS NOT NULL
    )
    SELECT webhook_id, (
        SELECT min(due_at) FROM deliveries WHERE status = 'pending' AND deliveries.webhook_id = waiting.webhook_id
    ) AS due_at, EXISTS (SELECT 1 FROM deliveries WHERE forced AND due_at <= :now) AS forced
    FROM waiting WHERE webhook_id IS NOT NULL LIMIT :most
    """
)
_WAITING = _WAITING_TEXT.bindparams(bindparam("now", type_=UtcDateTime)).columns(due_at=UtcDateTime)

# The condition on the status is written out, as in the index that it must match.
_PICKED = {
    "sqlite": """
        SELECT d.id FROM json_each(:webhooks) AS wanted CROSS JOIN deliveries AS d WHERE d.id IN (
            SELECT q.id FROM deliveries AS q
            WHERE q.status = 'pending' AND q.webhook_id = wanted.value AND q.due_at <= :now
            ORDER BY q.due_at, q.id LIMIT :each
        ) LIMIT :most
    """,
    "postgresql": """
        SELECT d.id FROM jsonb_array_elements_text(CAST(:webhooks AS jsonb)) AS wanted CROSS JOIN LATERAL (
            SELECT q.id FROM deliveries AS q
            WHERE q.status = 'pending' AND q.webhook_id = CAST(wanted.value AS bigint) AND q.due_at <= :now
            ORDER BY q.due_at, q.id LIMIT :each FOR UPDATE SKIP LOCKED
        ) AS d LIMIT :most
    """,
}
_FORCED = {
    "sqlite": "SELECT id FROM deliveries WHERE forced AND due_at <= :now ORDER BY due_at LIMIT :most",
    "postgresql": """
        SELECT id FROM deliveries WHERE forced AND due_at <= :now ORDER BY due_at LIMIT :most FOR UPDATE SKIP LOCKED
    """,
}
_LEASE = """
    WITH picked AS MATERIALIZED ({picked})
    UPDATE deliveries SET lease_token = :token, due_at = :end FROM picked WHERE deliveries.id = picked.id
    RETURNING deliveries.id, webhook_id, event_id, attempts_count, attempts_allowed
"""


def _leasing(picked: str) -> TextClause:
    times = (bindparam(name, type_=UtcDateTime) for name in ("now", "end"))
    return text(_LEASE.format(picked=picked)).bindparams(*times)


_LEASE_DUE = {dialect: _leasing(picked) for dialect, picked in _PICKED.items()}
_LEASE_FORCED = {dialect: _leasing(picked) for dialect, picked in _FORCED.items()}


def _lease(
    connection: Connection, now: datetime, token: str, webhooks: Sequence[int], each: int, most: int
) -> Sequence[Any]:
    values: dict[str, Any] = {"webhooks": json.dumps(webhooks), "each": each, "most": most}
    values |= {"now": now, "end": _end(now), "token": token}
    return connection.execute(_LEASE_DUE[connection.dialect.name], values).all()


def _load(connection: Connection, leased: Sequence[Any], targets: dict[int, Target]) -> list[Claimed]:
    """The leased rows with their events, oldest first. What has no target (its secret is unreadable) runs out."""
    ids = list({row.event_id for row in leased})
    events = {event[0]: event for event in connection.execute(_EVENTS, {"ids": ids})} if ids else {}
    claimed = []
    for id, webhook_id, event_id, attempts_count, attempts_allowed in sorted(leased):
        if target := targets.get(webhook_id):
            _, public_id, type, environment, body = events[event_id]
            claimed.append(
                Claimed(id, target, public_id, type, environment, body, attempts_count + 1, attempts_allowed)
            )
    return claimed


_EVENTS = select(Event.id, Event.public_id, Event.type, Event.environment, Event.body).where(
    Event.id.in_(bindparam("ids", expanding=True))
)


def _states(connection: Connection, webhooks: Collection[int]) -> list[Any]:
    return list(connection.execute(_STATES, {"ids": list(webhooks)})) if webhooks else []


_STATES = (
    select(
        Webhook.id,
        Webhook.url,
        Webhook.active,
        Webhook.deleted_at,
        Webhook.breaker_opened_at,
        Webhook.probe_at,
        Webhook.retry_schedule,
        Webhook.secret_encrypted,
        Webhook.previous_secret_encrypted,
        Webhook.previous_secret_expires_at,
    )
    .where(Webhook.id.in_(bindparam("ids", expanding=True)))
    .order_by(Webhook.id)
)


def _target(state: Any, now: datetime, is_probe: bool = False) -> dict[int, Target]:
    """The webhook by its id; nothing if its secret can't be read, for then it can't be signed for."""
    encrypted = [state.secret_encrypted]
    if state.previous_secret_encrypted and state.previous_secret_expires_at > now:
        encrypted.append(state.previous_secret_encrypted)
    try:
        keys = tuple(secret_box.key_bytes(secret_box.decrypt(secret)) for secret in encrypted)
    except secret_box.InvalidToken:
        logger.error("The secret of webhook %d can't be decrypted: its key is not in ENCRYPTION_KEYS", state.id)
        return {}
    return {state.id: Target(state.id, state.url, keys, state.retry_schedule, is_probe)}


def _end(now: datetime) -> datetime:
    return now + timedelta(seconds=LEASE_SECONDS)
