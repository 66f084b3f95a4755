"""Deliver, the RQ job: a drain that leases due deliveries, sends them, and writes the results in groups.

It runs as long as there is something to deliver. Other jobs have a queue and a worker of their own (jobs.scheduler).
"""

import contextlib
import logging
import threading
import time

from flask import Flask, current_app
from sqlalchemy.exc import DBAPIError

from jobs.claim import Claimed
from jobs.claim import release as release_leases
from jobs.drain.arrivals import Arrivals
from jobs.drain.demand import Demand
from jobs.drain.leases import REFRESH_SECONDS, Leases
from jobs.drain.listener import Listener
from jobs.drain.sending import GROUP_SECONDS, Arrived, sending_of
from jobs.express import LANE
from jobs.health import count
from jobs.record import Finished, Recorded, may_pass, record, record_alone
from jobs.tally import tally
from jobs.trace import trace_attempts, trace_claims
from webhooks_ui import counting, logs
from webhooks_ui.database import kept_connections, outage, reason, release
from webhooks_ui.models import get_settings, utcnow
from webhooks_ui.wake import call_help, wake

RUN_SECONDS = 3_600  # then the job ends as soon as nothing is in flight
RUN_MAX_SECONDS = 23 * 3_600  # then the job stops leasing and ends, before RQ would kill it
LINGER_SECONDS = 1.0  # how long an idle job waits for the next event before it ends
WAIT_SECONDS = 5.0  # the same, while a webhook that must wait may send again within this time
BEAT_SECONDS = 5.0  # between heartbeats
DATABASE_PAUSE_SECONDS = 0.5  # between attempts while the database is away
DATABASE_PATIENCE_SECONDS = 30.0  # of a worker that stops; after that, unwritten deliveries are sent again

logger = logging.getLogger(__name__)
stopping = threading.Event()  # set by the worker on SIGTERM: finish what is in flight, give back the rest


def deliver() -> None:
    """Deliver until nothing is due."""
    Drain(current_app._get_current_object()).run()  # type: ignore[attr-defined]


class Drain:
    """One run of the job.

    Args:
        app: its ``extensions`` keep the threads, their connections and what was learned about webhooks between runs.
    """

    def __init__(self, app: Flask) -> None:
        self._sending = sending_of(app)
        self._slots = self._sending.slots
        self._heartbeat = app.extensions.get("heartbeat", lambda: None)
        self._progress = app.extensions.get("progress", lambda in_flight: None)
        self._counters = counting.of(app)
        self._connections = kept_connections(app)
        self._trouble = logs.Seldom(logger)
        self._leases = Leases(self._sending)
        self._demand = Demand(self._sending, self._leases.token, app.config["REQUEST_TIMEOUT_SECONDS"])
        arrivals = Arrivals(app, self._sending, self._leases.token)
        lane = LANE + self._leases.token
        self._listener = Listener(app.extensions["redis"], self._sending.bell, lane, arrivals.take)
        self._refused: list[int] = []  # deliveries of the express lane to give back
        self._finished: list[Finished] = []  # not yet written
        self._began = time.monotonic()
        self._beat_at = self._began + BEAT_SECONDS
        self._slowed_down: set[int] = set()  # webhooks whose endpoints just asked for fewer requests

    def run(self) -> None:
        """Deliver until nothing is due, or the run must end."""
        self._read_settings()
        self._listener.start()
        try:
            while self._step():
                pass
        finally:
            called = self._listener.stop()
            self._leases.drop()  # something is queued only after an error, and its leases run out
            called = self._receive(0) or called
            self._sending.note_recorded(len(self._finished))  # likewise
            if called or self._demand.may_find:
                wake()  # another worker or the next job goes on
            self._progress(self._slots.in_flight)

    def _step(self) -> bool:
        """Write results, lease deliveries, and wait for more results. Return True if there may be more to do."""
        if self._ending:
            self._stop_listening()
        self._write_and_lease()
        self._beat()
        if self._is_busy:
            self._collect()
            return True
        if time.monotonic() - self._began > RUN_SECONDS:
            self._stop_listening()
            return self._is_busy
        return self._wants_more or self._linger()

    @property
    def _is_busy(self) -> bool:
        return bool(self._leases.held or self._finished or self._refused)

    def _stop_listening(self) -> None:
        """Stop taking parcels and wake-ups. Those that came before are still answered."""
        self._demand.may_find = self._listener.stop() or self._demand.may_find
        self._receive(0)

    def _linger(self) -> bool:
        """Wait a little for a wake-up while there is nothing to do. Return True if there is something to do now."""
        began = time.monotonic()
        patience = WAIT_SECONDS if self._demand.look_at < began + WAIT_SECONDS else LINGER_SECONDS
        while self._listener.listens and not self._ending and time.monotonic() < began + patience:
            left = self._demand.look_at - time.monotonic()
            if left <= 0 or self._receive(max(0.0, min(LINGER_SECONDS / 10, left))) or self._is_busy:
                break
        else:
            self._demand.may_find = False
            self._stop_listening()
            if (self._demand.may_find or self._is_busy) and not self._ending:
                self._listener.start()
        return self._wants_more or self._is_busy

    @property
    def _ending(self) -> bool:
        return stopping.is_set() or time.monotonic() - self._began > RUN_MAX_SECONDS

    @property
    def _wants_more(self) -> bool:
        return self._demand.is_there and not self._ending

    def _beat(self) -> None:
        """Every few seconds, tell RQ that this worker is alive, and read the settings again."""
        if time.monotonic() > self._beat_at:
            self._beat_at = time.monotonic() + BEAT_SECONDS
            self._heartbeat()
            with contextlib.suppress(DBAPIError):
                self._read_settings()

    def _read_settings(self) -> None:
        try:
            self._settings = get_settings()
        finally:
            release()

    def _collect(self) -> None:
        """Wait until there are results, more may be leased, or a wake-up arrives."""
        now = time.monotonic()
        patience = GROUP_SECONDS if self._demand.comes_soon and not self._ending else REFRESH_SECONDS / 2
        self._receive(max(0.0, min(patience, self._demand.look_at - now)))

    def _receive(self, seconds: float) -> bool:
        """Wait for results or a wake-up, then take all that have arrived. Return True if a wake-up arrived."""
        self._sending.hurries = self._demand.may_find or self._demand.more_due
        called, arrived, finished = self._sending.receive(seconds)
        if called:
            self._demand.note_call()
        for each in arrived:
            self._note(each)
        if strangers := len(finished) - sum(map(self._take, finished)):
            self._sending.note_recorded(strangers)
        if not self._sending.is_alive:
            raise RuntimeError("The sending thread has ended. The log says why.")
        return called

    def _note(self, arrived: Arrived) -> None:
        """Hold the leases of deliveries that came by the express lane."""
        self._refused += arrived.refused
        if arrived.ids:
            is_first = not self._leases.held
            self._leases.take(arrived.ids, arrived.began)
            if is_first:
                self._leases.note_renewal(arrived.began, arrived.at)

    def _take(self, item: Finished) -> bool:
        """Take a result. Return False if it is from an earlier run that failed."""
        delivery, _, result = item
        if delivery.token != self._leases.token:
            return False
        self._finished.append(item)
        self._leases.held.pop(delivery.id, None)
        self._demand.may_find = self._demand.may_find or self._demand.more_due or delivery.target.in_order
        if result.slows_down:
            self._slowed_down.add(delivery.target.id)
        return True

    def _write_and_lease(self) -> None:
        """Write the results and lease what is due. If the database is away, retry until it is back."""
        if not (
            self._finished
            or self._refused
            or self._leases.must_be_renewed
            or self._wants_more
            or (self._ending and self._slots.queued)
        ):
            return
        patience = time.monotonic() + DATABASE_PATIENCE_SECONDS
        one_by_one = False  # because one of the results can't be stored
        while True:
            try:
                if one_by_one:
                    self._record_one_by_one()
                self._transact()
                return
            except Exception as error:
                if not may_pass(error):
                    if one_by_one or not self._finished:
                        raise
                    one_by_one = True
                    continue
                if stopping.is_set() and time.monotonic() > patience:
                    raise
                self._tell(error)
                time.sleep(DATABASE_PAUSE_SECONDS)

    def _record_one_by_one(self) -> None:
        while self._finished:
            self._tell_of(record_alone(self._leases.token, self._finished[0], self._settings))
            del self._finished[0]
            self._sending.note_recorded(1)

    def _tell_of(self, recorded: list[Recorded]) -> None:
        """Count, log and trace the results that were written."""
        tally(self._counters, recorded)
        trace_attempts(recorded)

    def _tell(self, error: Exception) -> None:
        """Log why the database can't be written to. A cause that we don't know gets a traceback."""
        if outage(error):
            self._trouble.say("Results and leases can't be written, trying again: %s", reason(error))
        else:
            logger.warning("Results and leases can't be written, trying again", exc_info=error)

    def _transact(self) -> None:
        claimed: list[Claimed] = []
        recorded: list[Recorded] = []
        self._demand.wants_help = False
        with self._connections.write_transaction() as connection:
            began, now = time.monotonic(), utcnow()  # not earlier, because the wait for the write lock may be long
            if self._finished:
                recorded = record(connection, self._leases.token, self._finished, self._settings)
            if self._slowed_down:
                self._leases.give_back(connection, now, self._slowed_down)
            release_leases(connection, now, self._leases.token, self._refused)
            renews = self._leases.must_be_renewed
            if renews:
                self._leases.renew(connection, began, now)
            if self._ending:
                self._leases.give_back(connection, now)
            elif self._wants_more or renews:
                leased = self._demand.lease(connection, now)
                # After a jump of the clock, some may be our own that we hold: sent, perhaps, but not written yet.
                claimed = [delivery for delivery in leased if delivery.id not in self._leases.held]
            count(connection, [item.attempted for item in recorded])
        self._trouble.over("Results and leases are written again.")
        self._tell_of(recorded)
        self._demand.note_finished(len(self._finished))
        self._sending.note_recorded(len(self._finished))
        self._demand.may_find = self._demand.may_find or bool(self._refused)
        self._finished, self._refused = [], []
        self._slowed_down = set()
        if renews or not self._leases.held:
            self._leases.note_renewal(began, now)
        if claimed:
            self._leases.take(self._sending.add(trace_claims(claimed, time.monotonic() - began)), began)
        self._progress(self._slots.in_flight)
        if self._demand.wants_help:
            call_help()
