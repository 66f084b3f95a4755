"""Deliver, the RQ job: a drain. It leases due deliveries, keeps requests going, and writes what finished in groups."""

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
from jobs.senders import Finishing, Senders
from jobs.slots import Slots
from jobs.wake import Listener, call_help
from webhooks_ui.extensions import db, write_transaction
from webhooks_ui.models import get_settings, utcnow
from webhooks_ui.outcomes import Outcome

RUN_SECONDS = 10  # then a successor goes on, so that other jobs have their turn
LINGER_SECONDS = 1.0  # with nothing to do, before the job ends: the next event finds a worker awake
GROUP_MAX = 200  # results in one transaction
GROUP_SECONDS = 0.05  # that a finished result waits for others at most
QUEUE_FACTOR = 6  # times the slots: what is leased at most, so that one look serves many requests
LISTEN_SECONDS = 0.005  # between listening for a wake-up, while requests are under way
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
        app: its ``extensions`` keep the threads and their connections from run to run.
    """

    def __init__(self, app: Flask) -> None:
        self._listener = Listener(app.extensions["redis"])
        self._senders = _senders(app)
        self._slots = _slots(app)
        self._token = secrets.token_hex(8)
        self._done: Finishing = queue.SimpleQueue()  # from the threads
        self._finished: list[Finished] = []  # not yet written
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
        if self._ends_at <= time.monotonic() and not stopping.is_set():
            call_help()

    def _step(self) -> bool:
        """Write, lease, start, and wait for what comes; whether there may be more to do."""
        self._exchange()
        self._start()
        if self._slots.in_flight or self._slots.queued or self._finished:
            self._collect()
            return True
        if self._wants_more:
            return True
        return self._linger()

    def _linger(self) -> bool:
        """With nothing to do, wait a little for a wake-up; whether one came."""
        until = time.monotonic() + LINGER_SECONDS
        while self._listener.listens and not self._ending and time.monotonic() < until:
            if self._listener.heard(LINGER_SECONDS / 10):
                self._look = True
                return True
        self._look = self._listener.stop()
        if self._look and not self._ending:
            self._listener.start()
        return self._wants_more

    @property
    def _ending(self) -> bool:
        return stopping.is_set() or time.monotonic() >= self._ends_at

    @property
    def _wants_more(self) -> bool:
        return self._look and not self._ending and self._slots.queued < self._slots.total

    def _start(self) -> None:
        """Hand to the threads whatever may go out."""
        while delivery := self._slots.start_next(time.monotonic()):
            self._senders.start(delivery, self._done)

    def _collect(self) -> None:
        """Wait for results, no longer than a group may take, and put what they free to use at once."""
        until = time.monotonic() + GROUP_SECONDS
        while self._slots.in_flight and len(self._finished) < GROUP_MAX and time.monotonic() < until:
            try:
                item = self._done.get(timeout=LISTEN_SECONDS)
            except queue.Empty:
                if self._is_called():
                    return
                continue
            self._finished.append(item)
            self._slots.finish(item[0], item[2].outcome == Outcome.DELIVERED, time.monotonic())
            self._start()
        self._is_called()

    def _is_called(self) -> bool:
        """Whether a wake-up came; if so, look with the next exchange."""
        called = self._listener.heard(0)
        self._look = self._look or called
        return called

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
            if refresh and (held := self._slots.held()):
                claim.renew(connection, now, self._token, held)
                self._drop_unsendable(connection, now)
            if self._ending:
                claim.release(connection, now, self._token, [delivery.id for delivery in self._slots.drop_queue()])
            elif self._wants_more:
                claimed = self._claim(connection, now)
        self._finished = []
        self._slots.add(claimed)
        if len(claimed) >= self._slots.total or (claimed and self._slots.in_flight >= self._slots.total):
            call_help()
        if refresh:
            self._refresh_at = time.monotonic() + REFRESH_SECONDS

    def _claim(self, connection: Connection, now: datetime) -> list[claim.Claimed]:
        """Lease as much as the slots want, and of each webhook no more than its share of the room."""
        room = QUEUE_FACTOR * self._slots.total - self._slots.queued
        found = claim.look(connection, now, self._cursor)
        self._cursor = found.cursor
        claimed = claim.claim_forced(connection, now, self._token, room) if found.forced else []
        claimed += claim.claim_probes(connection, now, self._token, found.probes)
        wanted = {id: each for id in found.open if (each := self._slots.wants(id, time.monotonic()))}
        share = max(1, room // max(1, len(wanted)))
        alike: dict[int, dict[int, claim.Target]] = {}
        for id, each in wanted.items():
            alike.setdefault(min(each, share), {})[id] = found.open[id]
        for each, targets in alike.items():
            claimed += claim.claim(connection, now, self._token, targets, each, room - len(claimed))
        self._look = bool(claimed or found.open or found.cursor)
        return claimed

    def _drop_unsendable(self, connection: Connection, now: datetime) -> None:
        """Give back what was queued for webhooks that were switched off, or whose breaker opened, meanwhile."""
        queued = self._slots.webhooks_queued()
        for id in set(queued) - claim.sendable(connection, queued):
            claim.release(connection, now, self._token, [delivery.id for delivery in self._slots.drop_queue(id)])


def _slots(app: Flask) -> Slots:
    """What the run before learned of the webhooks; a run that was cut short leaves nothing behind."""
    slots = app.extensions.get("slots")
    if slots is None or slots.held():
        slots = app.extensions["slots"] = Slots(app.config["IN_FLIGHT"])
    slots.forget_idle()
    return cast(Slots, slots)


def _senders(app: Flask) -> Senders:
    if "senders" not in app.extensions:
        sender = Sender(app.config["ALLOWED_TARGETS"], app.config["REQUEST_TIMEOUT_SECONDS"], app.config["IN_FLIGHT"])
        app.extensions["senders"] = Senders(sender)
    return cast(Senders, app.extensions["senders"])
