"""Claim: lease a few due deliveries of each webhook, so that one webhook's backlog doesn't delay another's events.

A lease is a token and an end. The end is stored in ``due_at``, so that a delivery whose lease ran out is due again.
"""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, exists, select, update

from jobs.compose import Uncomposable, link_of
from jobs.pace import allowed, until_after
from jobs.retry import NEVER
from jobs.target import Target, targets_of
from webhooks_ui.database import dialect
from webhooks_ui.events.formats.outgoing import Outgoing
from webhooks_ui.events.selection import UnreadableFields, selected
from webhooks_ui.models import Delivery, DeliveryTrigger, Webhook
from webhooks_ui.models.delivery import FORCED_AND_DUE, GIVEN_UP
from webhooks_ui.tracing import NO_TRACE, Trace

LEASE_SECONDS = 5
SMALL_BODY_BYTES = 16 * 1024  # up to here, the limit on the number of deliveries also limits the memory
PORTION_BYTES = 512 * 1024  # of bodies that one SELECT reads
UNREADABLE_FIELDS = (
    "What is stored of the fields to send can't be read. Set them anew, then send the event again from its page."
)


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
    throttled_count: int = 0  # of the attempts so far, how many used up none of the schedule
    created_at: datetime = NEVER
    give_up_at: datetime | None = None  # until when it may be asked to wait. None: it was not asked yet
    is_test: bool = False
    fields: str | None = None  # what is sent of the event's data (see events.selection)
    trace: Trace = NO_TRACE
    is_replay: bool = False

    def outgoing(self, portal: str | None) -> Outgoing:
        """Return the event with what its format needs to know about this delivery (see ``compose.link_of``).

        Raises:
            Uncomposable: what is sent of the event can't be read.
        """
        try:
            body, link = selected(self.body, self.fields), link_of(self.id, portal)
        except UnreadableFields:
            raise Uncomposable(UNREADABLE_FIELDS) from None
        return Outgoing(self.event_id, self.event_type, self.environment, body, self.is_test, self.is_replay, link)


class Leased(NamedTuple):
    """A leased delivery, without its event."""

    id: int
    webhook_id: int
    environment: str
    event_id: int
    attempts_count: int
    attempts_allowed: int | None
    throttled_count: int
    created_seconds: float  # from now, so it is negative
    give_up_seconds: float | None  # likewise
    trigger: str
    fields: str | None
    bytes: int  # of the event's body


class EventRow(NamedTuple):
    id: int
    public_id: str
    type: str
    environment: str
    body: str
    traceparent: str | None


@dataclass(slots=True)
class Claims:
    """Leases deliveries in one transaction, as long as there is room for more.

    Args:
        token: of the leases.
        room: how many more deliveries may be leased.
        large_bytes: of bodies over SMALL_BODY_BYTES that may be leased. The last one that is leased may exceed it.
    """

    connection: Connection
    now: datetime
    token: str
    room: int
    large_bytes: int
    has_skipped: bool = field(default=False, init=False)  # something that may be due: another look is to find it

    def take(self, targets: Mapping[int, Target], each: int) -> list[Claimed]:
        """Lease up to ``each`` due deliveries of each webhook in ``targets``, in the order of ``targets``."""
        database = dialect(self.connection)
        return self._take(targets, database.first_of_each(f"{_DUE} {database.SKIP_LOCKED}"), most_each=each)

    def take_in_order(self, targets: Mapping[int, Target]) -> list[Claimed]:
        """Lease the next delivery of each webhook in ``targets`` that keeps the order, unless one of its is in flight.

        The next one is the first that was published, also while it waits for a retry. The rows of the webhooks are
        locked, so that no two workers do this for the same webhook.
        """
        if not targets or self.room <= 0:
            return []
        free = {id: targets[id] for id in self._lock(targets)}
        return self._take(free, dialect(self.connection).first_of_each(_NEXT))

    def take_paced(self, target: Target, each: int) -> tuple[list[Claimed], datetime]:
        """Lease as many due deliveries of a webhook as its rate allows. Return them and when the next may follow."""
        now, interval = self.now, target.interval or 0.0
        may = allowed(now, target.paced_until, interval, min(each, self.room))
        if not may.requests:
            return [], may.until
        unpaced = Webhook.paced_until.is_(None) | (Webhook.paced_until <= now)  # not if another worker was faster
        if not self._lock([target.id], unpaced):
            return [], now
        self.connection.execute(update(Webhook).where(Webhook.id == target.id).values(paced_until=may.until))
        own = {target.id: target}
        claimed = self.take_in_order(own) if target.in_order else self.take(own, may.requests)
        until = until_after(now, target.paced_until, interval, len(claimed))
        if until != may.until:
            self.connection.execute(update(Webhook).where(Webhook.id == target.id).values(paced_until=until))
        return claimed, until

    def take_probes(self, targets: Mapping[int, Target], seconds: float) -> list[Claimed]:
        """Lease one delivery of each webhook whose breaker is open, as a probe.

        Args:
            seconds: how long a request may last, unless its webhook says otherwise. No second probe goes out while the
                first one may be in flight.
        """
        if not targets or self.room <= 0:
            return []
        longest = max(seconds, *(target.timeout_seconds or 0 for target in targets.values()))
        pause = {"probe_at": self.now + timedelta(seconds=longest + LEASE_SECONDS)}
        taken = self._lock(targets, Webhook.probe_at.is_(None) | (Webhook.probe_at <= self.now))
        self.connection.execute(update(Webhook).where(Webhook.id.in_(taken)).values(pause))
        probed = {id: targets[id] for id in taken}
        in_order = {id: target for id, target in probed.items() if target.in_order}
        claimed = self.take({id: target for id, target in probed.items() if not target.in_order}, 1)
        return claimed + self.take_in_order(in_order)

    def take_forced(self) -> list[Claimed]:
        """Lease the deliveries that an admin wants sent now, whatever the state of their webhooks."""
        if self.room <= 0:
            return []
        leased = self._lease(f"{_FORCED} {dialect(self.connection).SKIP_LOCKED}")
        targets = targets_of(self.connection, self.now, {row.webhook_id for row in leased}) if leased else {}
        return self._claimed(leased, targets)

    def _lock(self, webhooks: Collection[int], *conditions: ColumnElement[bool]) -> Sequence[int]:
        """Lock the rows of those of ``webhooks`` that meet the conditions. Return their ids.

        Those that another worker has locked are left out. To wait for them would be a deadlock with a worker that waits
        for a webhook whose health was changed in this transaction.
        """
        rows = select(Webhook.id).where(Webhook.id.in_(list(webhooks)), *conditions)
        locked = self.connection.scalars(rows.with_for_update(skip_locked=True, key_share=True)).all()
        self.has_skipped = self.has_skipped or len(locked) < len(webhooks)
        return locked

    def _take(self, targets: Mapping[int, Target], picks: str, **values: Any) -> list[Claimed]:
        """Lease the deliveries of ``targets`` that the SELECT ``picks`` gives."""
        if not targets or self.room <= 0:
            return []
        return self._claimed(self._lease(picks, webhooks=json.dumps(list(targets)), **values), targets)

    def _lease(self, picks: str, **values: Any) -> list[Leased]:
        """Lease the deliveries that the SELECT ``picks`` gives, as far as there is room for them."""
        database = dialect(self.connection)
        values |= {"most": self.room, "large_bytes": self.large_bytes, "small": SMALL_BODY_BYTES, "token": self.token}
        values |= {"now": database.time_value(self.now), "end": database.time_value(lease_end(self.now))}
        created, give_up = database.seconds_until("d.created_at"), database.seconds_until("d.give_up_at")
        source = _FITTING.format(picks=picks, created=created, give_up=give_up)
        lease, still = "lease_token = :token, due_at = :end", "deliveries.due_at <= :now"
        leased = database.update_selected(self.connection, Leased._fields, source, lease, still, values)
        return [Leased._make(row) for row in leased]

    def _claimed(self, leased: Sequence[Leased], targets: Mapping[int, Target]) -> list[Claimed]:
        """Return the leased deliveries with their events, oldest first. There is less room then.

        A delivery without a target is left out, because the secret of its webhook can't be decrypted. Its lease runs
        out. One of another environment than its target is turned away.
        """
        known = sorted(row for row in leased if row.webhook_id in targets)
        found = [row for row in known if row.environment == targets[row.webhook_id].environment]
        if strays := {row.id for row in known} - {row.id for row in found}:
            self._turn_away(strays)
        events = _events(self.connection, {row.event_id: row.bytes for row in found})
        self.room -= len(found)
        self.large_bytes -= sum(row.bytes for row in found if row.bytes > SMALL_BODY_BYTES)
        return [
            Claimed(
                row.id,
                targets[row.webhook_id],
                *events[row.event_id][:4],
                row.attempts_count + 1,
                row.attempts_allowed,
                self.token,
                row.throttled_count,
                self.now + timedelta(seconds=row.created_seconds),
                None if row.give_up_seconds is None else self.now + timedelta(seconds=row.give_up_seconds),
                row.trigger == DeliveryTrigger.TEST,
                row.fields,
                events[row.event_id][4],
                row.trigger == DeliveryTrigger.REPLAY,
            )
            for row in found
        ]

    def _turn_away(self, ids: Collection[int]) -> None:
        """Cancel those of ``ids`` whose webhook was moved to another environment. Give back the others.

        The first were under way when it was moved, or published then. On PostgreSQL, the others are of the environment
        to which it was moved after its target was read.
        """
        moved = exists().where(Webhook.id == Delivery.webhook_id, Webhook.environment != Delivery.environment)
        self.connection.execute(update(Delivery).where(Delivery.id.in_(ids), moved).values(GIVEN_UP))
        release(self.connection, self.now, self.token, ids)
        self.has_skipped = True


def renew(connection: Connection, now: datetime, token: str, ids: Collection[int]) -> set[int]:
    """Extend the leases that ``token`` holds on ``ids``. Return those of ``ids`` that it no longer holds."""
    held = dialect(connection).among(Delivery.id, list(ids)), Delivery.lease_token == token
    renewed = connection.execute(update(Delivery).where(*held).values(due_at=lease_end(now))).rowcount
    if renewed == len(ids):
        return set()
    return set(ids).difference(connection.scalars(select(Delivery.id).where(*held)))


def release(connection: Connection, now: datetime, token: str, ids: Collection[int]) -> None:
    """Give back, unsent, those of ``ids`` that ``token`` still holds. They are due at once."""
    if ids:
        held = Delivery.id.in_(list(ids)), Delivery.lease_token == token
        connection.execute(update(Delivery).where(*held).values(due_at=now, lease_token=None))


# What has no ``due_at`` isn't pending (see models.delivery).
_DUE = """
    SELECT q.id FROM deliveries AS q WHERE q.webhook_id = {each} AND q.due_at <= :now
    ORDER BY q.due_at, q.id LIMIT :most_each
"""
# Of a webhook that keeps the order
_NONE_IN_FLIGHT = """NOT EXISTS (
        SELECT 1 FROM deliveries AS leased
        WHERE leased.in_order AND leased.lease_token IS NOT NULL AND leased.webhook_id = {each} AND leased.due_at > :now
    )"""
# A webhook that keeps the order: its first delivery, if that is due and no other one is in flight.
_NEXT = f"""
    SELECT first.id FROM (
        SELECT q.id, q.due_at FROM deliveries AS q
        WHERE q.in_order AND q.due_at IS NOT NULL AND q.webhook_id = {{each}} ORDER BY q.id LIMIT 1
    ) AS first WHERE first.due_at <= :now AND {_NONE_IN_FLIGHT}
"""
_FORCED = f"""
    SELECT id FROM deliveries WHERE {FORCED_AND_DUE} AND (NOT in_order OR (id = (
        SELECT min(q.id) FROM deliveries AS q
        WHERE q.in_order AND q.due_at IS NOT NULL AND q.webhook_id = deliveries.webhook_id
    ) AND {_NONE_IN_FLIGHT.format(each="deliveries.webhook_id")})) ORDER BY due_at LIMIT :most
"""
# The webhooks take turns with their large bodies, so that none of them takes all the room. The sizes are found in a
# subquery of their own. SQLite keeps each column that a window function's SELECT mentions in memory, and that would be
# all the bodies.
_FITTING = """
    SELECT * FROM (
        SELECT *, sum(large) OVER (ORDER BY turn, id) - large AS large_before FROM (
            SELECT sized.*, CASE WHEN bytes > :small THEN bytes ELSE 0 END AS large,
                row_number() OVER (PARTITION BY webhook_id ORDER BY id) AS turn
            FROM (
                SELECT d.id, d.webhook_id, d.environment, d.event_id, d.attempts_count, d.attempts_allowed,
                    d.throttled_count, {created} AS created_seconds, {give_up} AS give_up_seconds, d.trigger, d.fields,
                    length(e.body) AS bytes
                FROM (SELECT id FROM ({picks}) AS found LIMIT :most) AS picked
                JOIN deliveries AS d ON d.id = picked.id JOIN events AS e ON e.id = d.event_id
            ) AS sized
        ) AS due
    ) AS summed WHERE large = 0 OR large_before < :large_bytes
"""


def _events(connection: Connection, sizes: Mapping[int, int]) -> dict[int, tuple[str, str, str, bytes, Trace]]:
    """Return the public id, type, environment, body and trace of each event, by its id.

    Large events are read a few at a time, because JSON takes four times their size in memory.
    """
    database = dialect(connection)
    events: dict[int, tuple[str, str, str, bytes, Trace]] = {}
    columns = f"id, public_id, type, environment, {database.text_of('body')}, traceparent"
    source = f"events WHERE id IN {database.JSON_IDS}"
    for ids in _portions(sizes):
        for row in database.select_rows(connection, EventRow, columns, source, {"ids": json.dumps(ids)}):
            events[row.id] = row.public_id, row.type, row.environment, row.body.encode(), Trace(row.traceparent)
    return events


def _portions(sizes: Mapping[int, int]) -> Iterator[list[int]]:
    """Yield the ids in groups of at most ``PORTION_BYTES``. A larger event is a group of its own."""
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


def lease_end(now: datetime) -> datetime:
    """Return the end of a lease that begins at ``now``."""
    return now + timedelta(seconds=LEASE_SECONDS)
