"""What our RQ workers share: they don't fork, leave no transaction open, and survive outages of Redis and database."""

import argparse
import contextlib
import logging
import signal
import sys
import time
from functools import partial
from types import FrameType
from typing import Any

from flask import Flask
from redis import Redis, RedisError
from rq import Queue, SimpleWorker
from rq.exceptions import InvalidJobOperation, StopRequested
from rq.job import Job

from config import ConfigError, load
from webhooks_ui import create_app, logs, tracing
from webhooks_ui.database import db, outage, reason
from webhooks_ui.database.redis import ANONYMOUS, PAUSE_SECONDS, wait_for_redis, why_unusable
from webhooks_ui.die_with_parent import die_with_parent
from webhooks_ui.models import ProcessKind
from webhooks_ui.models.key_check import check_keys_or_exit
from webhooks_ui.pulse import Pulse
from webhooks_ui.stop_signals import stop_signals

HEARTBEAT_TTL_SECONDS = 90  # of the worker. What RQ notes of a job stays until the job's timeout
# RQ waits 15 seconds less for a job, and 5 seconds less for an answer of Redis. Its own value is 7 minutes, and so long
# nobody could be woken whose connection broke without a word.
WORKER_TTL_SECONDS = 20
SETTINGS = "Settings come from environment variables."

logger = logging.getLogger(__name__)
_outages, _redis_outages = logs.Seldom(logger), logs.Seldom(logger)


def parse_arguments(kind: ProcessKind, description: str) -> None:
    """Show the help of a process, which takes no arguments, if it is asked for."""
    argparse.ArgumentParser(prog=f"python -m jobs.{kind}", description=f"{description} {SETTINGS}").parse_args()


def make_app(kind: ProcessKind) -> Flask:
    """Return the app of a worker or scheduler, with its log and its heartbeats. End the process if a setting is wrong.

    Its ``extensions`` have ``pulse``, the heartbeats, which ``work`` starts.
    """
    die_with_parent()
    try:
        settings = load()
        tracing.configure(settings)
    except ConfigError as error:
        sys.exit(f"Error: {error}")
    logs.configure(settings, kind)
    app = create_app(settings, web=False)
    pulse = app.extensions["pulse"] = Pulse(app, kind)
    app.extensions["progress"] = pulse.progress
    return app


class Worker(SimpleWorker):
    """An RQ worker that doesn't fork, so that each job can use the threads and connections of the job before it."""

    max_connection_wait_time = 2.0  # seconds between attempts to reach Redis
    stopping = False
    _is_over = False

    def perform_job(self, *args: Any, **kwargs: Any) -> Any:
        """Run a job with a database session of its own.

        A transaction that a job leaves open, or a restart of the database, can't affect the next job.
        """
        db.session.remove()
        try:
            return super().perform_job(*args, **kwargs)
        finally:
            db.session.remove()

    def handle_exception(self, job: Job, *exc_info: Any) -> None:
        """Log the failure of a job. An outage gets one line a minute, because each of many jobs fails with it.

        RQ takes a job for failed if Redis was flushed or restarted while it ran, although it has done its work.
        """
        error = exc_info[1]
        if outage(error) or isinstance(error, RedisError):
            why = reason(error) if outage(error) else why_unusable(error)
            _outages.say("Jobs fail, such as %s: %s", job.func_name, why)
        elif isinstance(error, InvalidJobOperation):
            _outages.say("Redis has lost jobs that were running, such as %s.", job.func_name)
        else:
            super().handle_exception(job, *exc_info)

    def _set_ip_address(self, connection: Redis) -> None:
        """Ask Redis for no address. Its client can't read the answer if the path of the socket has a space."""
        self.ip_address = "unknown"

    def _install_signal_handlers(self) -> None:
        """Stop after the current job at all ``stop_signals``. RQ handles two of them.

        Ignore the signals with which others renew their log files. They would kill the process.
        """
        for number in stop_signals():
            signal.signal(number, self.request_stop)
        for number in (signal.SIGUSR1, signal.SIGUSR2):
            signal.signal(number, signal.SIG_IGN)

    def teardown(self) -> None:
        """Unregister, and end the thread that listens for commands, also if Redis refuses to write.

        RQ would leave the thread and its connection behind, after each failover.
        """
        self._is_over = True
        try:
            super().teardown()  # type: ignore[no-untyped-call]
        except RedisError:
            with contextlib.suppress(RedisError):
                self.unsubscribe()  # type: ignore[no-untyped-call]
            if self.pubsub_thread:
                self.pubsub_thread.stop()
            raise

    def _pubsub_exception_handler(self, exc: Exception, pubsub: Any, pubsub_thread: Any) -> None:
        """Let the thread that listens for commands end without a traceback if its worker is over.

        RQ closes the connection of the thread, which may still read from it.
        """
        if self._is_over:
            pubsub_thread.stop()
        else:
            super()._pubsub_exception_handler(exc, pubsub, pubsub_thread)

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        """Stop after the current job, even if Redis is not reachable."""
        self.stopping = True
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # a terminal that is closed may send several
        try:
            super().request_stop(signum, frame)  # type: ignore[no-untyped-call]
        except RedisError:
            self._stop_requested = True


def work(app: Flask, worker_class: type[Worker], queue: str) -> None:
    """Run an RQ worker on ``queue`` until one of the ``stop_signals``. Start a new one after each outage of Redis.

    End the process if the encryption keys are wrong. Call this when the engine has all its listeners, because it
    connects to the database, and the pool keeps each connection.
    """
    check_keys_or_exit(app)
    app.extensions["pulse"].start()
    connection: Any = Redis.from_url(app.config["REDIS_URL"], **ANONYMOUS)
    logging.getLogger("rq.worker").addFilter(_in_brief)
    worker: Worker | None = None
    with contextlib.suppress(StopRequested):  # RQ's signal handler raises it outside of a job, and stays
        while True:
            wait_for_redis(connection, partial(_stops, worker))
            if _stops(worker):
                return
            queues = [Queue(queue, connection=connection)]
            worker = worker_class(queues, connection=connection, worker_ttl=WORKER_TTL_SECONDS)
            app.extensions["heartbeat"] = partial(_beat, worker)
            try:
                worker.work(logging_level="WARNING")  # also returns after an error, which it has logged
            except RedisError as error:
                _say_again(error)
            if not worker.stopping:
                time.sleep(PAUSE_SECONDS)  # Redis may answer, and yet refuse to write


def _stops(worker: Worker | None) -> bool:
    """Return True if the last worker of this process was told to stop."""
    return worker is not None and worker.stopping


def _beat(worker: Worker) -> None:
    """Tell RQ that the worker is alive, unless Redis is not reachable."""
    try:
        worker.heartbeat(HEARTBEAT_TTL_SECONDS)
    except RedisError as error:
        logger.info("No heartbeat could be sent: %s", error)


def _say_again(error: RedisError) -> None:
    _redis_outages.say("Redis can't be used, trying again: %s", error)


def _in_brief(entry: logging.LogRecord) -> bool:
    """Drop the traceback of a Redis error, which only shows RQ's own code. Return True to keep the log entry.

    RQ tells of each attempt to reach Redis, several times in two seconds. We tell of them once a minute.
    """
    if entry.exc_info and isinstance(entry.exc_info[1], RedisError):
        entry.exc_info = None
    for argument in entry.args or ():
        if isinstance(argument, RedisError):
            _say_again(argument)
            return False
    return True
