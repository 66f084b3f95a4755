"""Deliver, the RQ job: a drain. It leases due deliveries, keeps requests going, and writes what finished in groups."""

import logging
import queue
import secrets
import threading
import time
from datetime import datetime
from typing import cast

from flask import Flask, current_app
from redis import Redis, RedisError
from sqlalchemy import Connection
from sqlalchemy.exc import InterfaceError, OperationalError

from jobs import claim
from jobs.record import Finished, record
from jobs.send import Sender
from jobs.senders import Finishing, Senders
from jobs.slots import Slots
from jobs.wake import clear_waiting, wake
from webhooks_ui.extensions import db, write_transaction
from webhooks_ui.models import get_settings, utcnow
from webhooks_ui.outcomes import Outcome

RUN_SECONDS = 30  # then a successor goes on, so that RQ can look after its worker
GROUP_MAX = 200  # results in one transaction
GROUP_SECONDS = 0.05  # that a finished result waits for others at most
QUEUE_FACTOR = 6  # times the slots: what is leased at most, so that one look serves many requests
LISTEN_SECONDS = 0.025  # between looks for a wake-up, while requests are under way
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
        self._redis = cast(Redis, app.extensions["redis"])
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
        self._clear_waiting()
        self._settings = get_settings()
        db.session.rollback()
        while True:
            self._exchange()
            self._start()
            if not (self._slots.in_flight or self._slots.queued or self._finished or self._wants_more):
                break
            self._collect()
        if time.monotonic() >= self._ends_at and not stopping.is_set():
            wake()

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
        until = time.monotonic() + (GROUP_SECONDS if self._finished else LISTEN_SECONDS)
        while self._slots.in_flight and len(self._finished) < GROUP_MAX:
            try:
                item = self._done.get(timeout=max(0.0, until - time.monotonic()))
            except queue.Empty:
                break
            delivery, _, result = item
            if not self._finished:
                until = time.monotonic() + GROUP_SECONDS
            self._finished.append(item)
            self._slots.finish(delivery, result.outcome == Outcome.DELIVERED, time.monotonic())
            self._start()
        if not self._finished and not self._look:
            self._look = self._clear_waiting()

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
        if len(claimed) >= self._slots.total:  # there is more to do than one worker can do at once
            wake()
        self._slots.add(claimed)
        if refresh:
            self._refresh_at = time.monotonic() + REFRESH_SECONDS

    def _claim(self, connection: Connection, now: datetime) -> list[claim.Claimed]:
        """Lease as much as the slots want, and of each webhook no more than its share of the room."""
        room = QUEUE_FACTOR * self._slots.total - self._slots.queued
        found = claim.look(connection, now, self._cursor)
        self._cursor = found.cursor
        claimed = claim.claim_forced(connection, now, self._token, room)
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

    def _clear_waiting(self) -> bool:
        try:
            return clear_waiting(self._redis)
        except RedisError:
            return False


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
