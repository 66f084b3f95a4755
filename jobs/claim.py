"""Claim: lease due deliveries, a few of each webhook, so that no backlog stands before another webhook's next event.

A lease is a token and an end. The end is kept in ``due_at``: a lease that ran out is simply due again, whoever held it.
"""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, update

from jobs.bulk import listed, select_many, statement_of, text_of, time_for
from jobs.look import TARGET, Target, target_of
from webhooks_ui.models import Delivery, Webhook

LEASE_SECONDS = 7
SMALL_BODY_BYTES = 16 * 1024  # so small that the number of deliveries alone bounds the memory
PORTION_BYTES = 512 * 1024


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
    token: str  # of the lease


@dataclass(slots=True)
class Room:
    """How much more may be leased."""

    deliveries: int
    large_bytes: int  # of large bodies, which take a worker's memory; the last one may pass it

    def take(self, claimed: list[Claimed]) -> list[Claimed]:
        self.deliveries -= len(claimed)
        sizes = (len(delivery.body) for delivery in claimed)
        self.large_bytes -= sum(size for size in sizes if size > SMALL_BODY_BYTES)
        return claimed


def claim(
    connection: Connection, now: datetime, token: str, targets: dict[int, Target], each: int, room: Room
) -> list[Claimed]:
    """Lease up to ``each`` due deliveries of each of ``targets``, in that order."""
    if not targets or room.deliveries <= 0:
        return []
    values = {"webhooks": json.dumps(list(targets)), "each": each}
    return room.take(_claimed(connection, _lease(connection, now, token, _DUE, room, values), targets, token))


def claim_probes(
    connection: Connection, now: datetime, token: str, targets: dict[int, Target], room: Room, seconds: float
) -> list[Claimed]:
    """Lease one delivery of each webhook whose breaker is open.

    Args:
        seconds: that a request may last: no second probe goes out while the first may be under way.
    """
    if not targets or room.deliveries <= 0:
        return []
    pause = {"probe_at": now + timedelta(seconds=seconds + LEASE_SECONDS)}
    still_due = Webhook.id.in_(list(targets)), (Webhook.probe_at.is_(None) | (Webhook.probe_at <= now))
    taken = connection.execute(update(Webhook).where(*still_due).values(pause).returning(Webhook.id)).scalars().all()
    return claim(connection, now, token, {id: targets[id] for id in taken}, 1, room)


def claim_forced(connection: Connection, now: datetime, token: str, room: Room) -> list[Claimed]:
    """Lease what an admin wants sent now, whatever the state of its webhook."""
    leased = _lease(connection, now, token, _FORCED, room, {}) if room.deliveries > 0 else []
    if not leased:
        return []
    values = {"ids": json.dumps([row[1] for row in leased]), "now": time_for(connection)(now)}
    targets: dict[int, Target] = {}
    for webhook in select_many(connection, TARGET, f"webhooks AS w WHERE id IN {listed(connection)}", values):
        targets.update(target_of(webhook))
    return room.take(_claimed(connection, leased, targets, token))


def renew(connection: Connection, now: datetime, token: str, ids: Collection[int]) -> set[int]:
    """Push the end of the leases that ``token`` holds on ``ids`` into the future; those that it lost meanwhile."""
    held = f"WHERE id IN {listed(connection)} AND lease_token = :token"
    values = {"ids": json.dumps(list(ids)), "token": token, "end": time_for(connection)(_end(now))}
    renewed = connection.execute(statement_of(f"UPDATE deliveries SET due_at = :end {held}"), values).rowcount
    if renewed == len(ids):
        return set()
    return set(ids) - {id for (id,) in select_many(connection, "id", f"deliveries {held}", values)}


def release(connection: Connection, now: datetime, token: str, ids: Collection[int]) -> None:
    """Give back, unsent, what ``token`` still holds of ``ids``: it is due at once."""
    if ids:
        held = Delivery.id.in_(list(ids)), Delivery.lease_token == token
        connection.execute(update(Delivery).where(*held).values(due_at=now, lease_token=None))


# The condition on the status is written out, as in the index that it must match.
_DUE = {
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
_SIZED = """
    SELECT *, sum(large) OVER (ORDER BY turn, id) - large AS large_before FROM (
        SELECT d.id, d.webhook_id, d.event_id, d.attempts_count, d.attempts_allowed, length(e.body) AS bytes,
            CASE WHEN length(e.body) > :small THEN length(e.body) ELSE 0 END AS large,
            row_number() OVER (PARTITION BY d.webhook_id ORDER BY d.id) AS turn
        FROM ({picks}) AS picked JOIN deliveries AS d ON d.id = picked.id JOIN events AS e ON e.id = d.event_id
    ) AS due
"""
_FITS = "(sized.large = 0 OR sized.large_before < :large_bytes)"  # a webhook after the other: none takes all the room
_LEASED = "id, webhook_id, event_id, attempts_count, attempts_allowed, bytes"


def _lease(
    connection: Connection, now: datetime, token: str, picks: Mapping[str, str], room: Room, values: dict[str, Any]
) -> list[Any]:
    """Lease what ``picks`` selects, so far as there is room for it; ``_LEASED`` of each."""
    time = time_for(connection)
    values |= {"most": room.deliveries, "large_bytes": room.large_bytes, "small": SMALL_BODY_BYTES}
    values |= {"now": time(now), "end": time(_end(now)), "token": token}
    sized = _SIZED.format(picks=picks[connection.dialect.name])
    if connection.dialect.name == "postgresql":
        returning = ", ".join(f"sized.{column}" for column in _LEASED.split(", "))
        statement = f"""
            WITH sized AS MATERIALIZED ({sized}) UPDATE deliveries SET lease_token = :token, due_at = :end FROM sized
            WHERE deliveries.id = sized.id AND {_FITS} RETURNING {returning}
        """
        return list(connection.execute(statement_of(statement), values))
    leased = select_many(connection, _LEASED, f"({sized}) AS sized WHERE {_FITS}", values)
    if leased:
        update = f"UPDATE deliveries SET lease_token = :token, due_at = :end WHERE id IN {listed(connection)}"
        connection.execute(statement_of(update), values | {"ids": json.dumps([row[0] for row in leased])})
    return leased


def _claimed(connection: Connection, leased: Sequence[Any], targets: Mapping[int, Target], token: str) -> list[Claimed]:
    """What was leased, oldest first. What has no target (its secret is unreadable) runs out."""
    events = _events(connection, {row[2]: row[5] for row in leased})
    return [
        Claimed(id, targets[webhook_id], *events[event_id], attempts_count + 1, attempts_allowed, token)
        for id, webhook_id, event_id, attempts_count, attempts_allowed, _ in sorted(leased)
        if webhook_id in targets
    ]


def _events(connection: Connection, sizes: Mapping[int, int]) -> dict[int, tuple[str, str, str, bytes]]:
    """Public id, type, environment and body of each event; large ones a few at a time, since JSON takes it fourfold."""
    events = {}
    columns = f"id, public_id, type, environment, {text_of(connection, 'body')}"
    for ids in _portions(sizes):
        found = select_many(connection, columns, f"events WHERE id IN {listed(connection)}", {"ids": json.dumps(ids)})
        events.update({id: (*head, body.encode()) for id, *head, body in found})
    return events


def _portions(sizes: Mapping[int, int]) -> Iterator[list[int]]:
    portion: list[int] = []
    size = 0
    for id, added in sizes.items():
        if portion and size + added > PORTION_BYTES:
            yield portion
            portion, size = [], 0
        portion.append(id)
        size += added
    if portion:
        yield portion


def _end(now: datetime) -> datetime:
    return now + timedelta(seconds=LEASE_SECONDS)
