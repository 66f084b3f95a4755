"""Deliver, the RQ job: a drain. It leases due deliveries, keeps requests going, and writes what finished in groups."""

import contextlib
import logging
import queue
import secrets
import threading
import time
from datetime import datetime
from typing import cast

from flask import Flask, current_app
from sqlalchemy import Connection
from sqlalchemy.exc import InterfaceError, OperationalError

from jobs import claim
from jobs.record import Finished, record
from jobs.send import Sender
from jobs.senders import Senders
from jobs.slots import Slots
from jobs.wake import Listener, call_help
from webhooks_ui.extensions import db, write_transaction
from webhooks_ui.models import get_settings, utcnow

RUN_SECONDS = 10  # then a successor goes on, so that other jobs have their turn
LINGER_SECONDS = 1.0  # with nothing to do, before the job ends: the next event finds a worker awake
BODIES_MAX_BYTES = 4 * 1024 * 1024  # of what is leased: it stands in memory
GROUP_MAX = 200  # results in one transaction
GROUP_SECONDS = 0.05  # that a finished result waits for others at most
AHEAD_SECONDS = 0.25  # of work that is leased: enough for one look to serve many requests, not so much that
QUEUE_FACTOR = 6  # other workers go without; times the slots at most
PACE_SECONDS = 0.2  # over which the pace is averaged
PAUSE_SECONDS = 0.002  # between looks at what finished
REFRESH_SECONDS = 1.0  # between renewals of the leases
DATABASE_PATIENCE_SECONDS = 60.0

logger = logging.getLogger(__name__)
stopping = threading.Event()  # set by the worker on SIGTERM: finish what is in flight, return the rest


def deliver() -> None:
    """Deliver all that is due, or as much as ``RUN_SECONDS`` allow."""
    Drain(current_app._get_current_object()).run()  # type: ignore[attr-defined]


class Drain:
    """One run of the job.

    Args:
        app: its ``extensions`` keep the threads, their connections and what is known of webhooks from run to run.
    """

    def __init__(self, app: Flask) -> None:
        self._senders = _senders(app)
        self._listener = Listener(app.extensions["redis"], self._senders.inbox)
        self._slots = self._senders.slots
        self._token = secrets.token_hex(8)
        self._held: dict[int, int] = {}  # what this run leased, and has no result of: id → bytes of its body
        self._finished: list[Finished] = []  # not yet written
        self._pace = Pace()
        self._cursor = 0
        self._ends_at = time.monotonic() + RUN_SECONDS
        self._refresh_at = time.monotonic() + REFRESH_SECONDS
        self._look = True

    def run(self) -> None:
        self._settings = get_settings()
        db.session.rollback()
        self._listener.start()
        try:
            while self._step():
                pass
        finally:
            self._listener.stop()
            self._drop()  # nothing, unless the run was cut short: then those leases run out
        if self._ends_at <= time.monotonic() and not stopping.is_set():
            call_help()

    def _step(self) -> bool:
        """Write, lease, and wait for what comes; whether there may be more to do."""
        self._exchange()
        if self._held or self._finished:
            self._collect()
            return True
        if self._wants_more:
            return True
        return self._linger()

    def _linger(self) -> bool:
        """With nothing to do, wait a little for a wake-up; whether one came."""
        until = min(time.monotonic() + LINGER_SECONDS, self._ends_at)
        while self._listener.listens and not self._ending and time.monotonic() < until:
            if self._receive(LINGER_SECONDS / 10):
                break
        else:
            self._look = self._listener.stop()
            self._receive(0)  # heard at the last moment
            if self._look and not self._ending:
                self._listener.start()
        return self._wants_more

    @property
    def _ending(self) -> bool:
        return stopping.is_set() or time.monotonic() >= self._ends_at

    @property
    def _wants_more(self) -> bool:
        return self._look and not self._ending and self._slots.queued < self._slots.total

    def _collect(self) -> None:
        """Take results as they come, until a group is together or a wake-up came."""
        until = time.monotonic() + GROUP_SECONDS
        while self._held and len(self._finished) < GROUP_MAX and time.monotonic() < until:
            if self._receive(GROUP_SECONDS):
                return
            if self._held and self._finished:
                self._pause()

    def _receive(self, seconds: float) -> bool:
        """Wait for a result or a wake-up, and take all that are there then: to be woken for each would cost much.

        Whether there was a wake-up among them.
        """
        called = False
        with contextlib.suppress(queue.Empty):
            item = self._senders.inbox.get(timeout=seconds)
            while True:
                if item is None:
                    called = self._look = True
                elif item[0].token == self._token:  # not of a run that was cut short
                    self._finished.append(item)
                    self._held.pop(item[0].id, None)
                item = self._senders.inbox.get_nowait()
        return called

    def _pause(self) -> None:
        """Let results come together, and see how long the threads keep each other waiting meanwhile."""
        started = time.monotonic()
        time.sleep(PAUSE_SECONDS)
        self._senders.ease(time.monotonic() - started - PAUSE_SECONDS)

    def _exchange(self) -> None:
        """One transaction: write what finished, lease what is due."""
        refresh = time.monotonic() >= self._refresh_at
        if not (self._finished or refresh or self._wants_more or (self._ending and self._slots.queued)):
            return
        patience = time.monotonic() + DATABASE_PATIENCE_SECONDS
        while True:
            try:
                self._transact(refresh)
                return
            except (OperationalError, InterfaceError):
                if time.monotonic() > patience:
                    raise
                logger.warning("The database can't be written to, trying again", exc_info=True)
                time.sleep(0.5)

    def _transact(self, refresh: bool) -> None:
        now = utcnow()
        claimed: list[claim.Claimed] = []
        with write_transaction() as connection:
            if self._finished:
                record(connection, self._token, self._finished, self._settings)
            if refresh and self._held:
                claim.renew(connection, now, self._token, self._held)
                self._drop_unsendable(connection, now)
            if self._ending:
                claim.release(connection, now, self._token, self._drop())
            elif self._wants_more:
                claimed = self._claim(connection, now)
        self._pace.note(len(self._finished))
        self._finished = []
        self._held |= {delivery.id: len(delivery.body) for delivery in claimed}
        self._senders.add(claimed)
        if len(claimed) >= self._slots.total or (claimed and self._slots.in_flight >= self._slots.total):
            call_help()
        if refresh:
            self._refresh_at = time.monotonic() + REFRESH_SECONDS

    def _claim(self, connection: Connection, now: datetime) -> list[claim.Claimed]:
        """Lease as much as the slots want, and of each webhook no more than its share of the room."""
        found = claim.look(connection, now, self._cursor)
        self._cursor = found.cursor
        with self._senders.lock:
            ahead = int(self._pace.per_second * AHEAD_SECONDS)
            ahead = min(max(ahead, self._slots.total), QUEUE_FACTOR * self._slots.total) - self._slots.queued
            wanted = {id: each for id in found.open if (each := self._slots.wants(id, time.monotonic()))}
        room = claim.Room(ahead, BODIES_MAX_BYTES - sum(self._held.values()))
        claimed = claim.claim_forced(connection, now, self._token, room) if found.forced else []
        claimed += claim.claim_probes(connection, now, self._token, found.probes, room)
        share = max(1, room.deliveries // max(1, len(wanted)))
        alike: dict[int, dict[int, claim.Target]] = {}
        for id, each in wanted.items():
            alike.setdefault(min(each, share), {})[id] = found.open[id]
        for each, targets in alike.items():
            claimed += claim.claim(connection, now, self._token, targets, each, room)
        self._look = bool(claimed or found.open or found.cursor)
        return claimed

    def _drop_unsendable(self, connection: Connection, now: datetime) -> None:
        """Give back what was queued for webhooks that were switched off, or whose breaker opened, meanwhile."""
        with self._senders.lock:
            queued = self._slots.webhooks_queued()
        for id in set(queued) - claim.sendable(connection, queued):
            claim.release(connection, now, self._token, self._drop(id))

    def _drop(self, webhook_id: int | None = None) -> list[int]:
        """Send no more of what is queued, of one webhook or of all; the ids of that."""
        with self._senders.lock:
            dropped = [delivery.id for delivery in self._slots.drop_queue(webhook_id)]
        for id in dropped:
            self._held.pop(id, None)
        return dropped


class Pace:
    """How many deliveries are finished a second, of late."""

    def __init__(self) -> None:
        self.per_second = 0.0
        self._noted_at = time.monotonic()

    def note(self, finished: int) -> None:
        now = time.monotonic()
        weight = min(1.0, (now - self._noted_at) / PACE_SECONDS)
        self.per_second += weight * (finished / max(now - self._noted_at, 1e-3) - self.per_second)
        self._noted_at = now


def _senders(app: Flask) -> Senders:
    """The threads, and what the runs before learned of the webhooks."""
    if "senders" not in app.extensions:
        sender = Sender(app.config["ALLOWED_TARGETS"], app.config["REQUEST_TIMEOUT_SECONDS"], app.config["IN_FLIGHT"])
        app.extensions["senders"] = Senders(sender, Slots(app.config["IN_FLIGHT"]))
    senders = cast(Senders, app.extensions["senders"])
    with senders.lock:
        senders.slots.forget_idle()
    return senders
