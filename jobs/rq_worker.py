"""What our RQ workers share: they don't fork, leave no transaction open, and survive an outage of Redis."""

import logging
from types import FrameType
from typing import Any

from flask import Flask
from redis import Redis, RedisError
from rq import Queue, SimpleWorker
from rq.job import Job

from webhooks_ui.database import db
from webhooks_ui.database.redis import wait_for_redis

HEARTBEAT_TTL_SECONDS = 90

logger = logging.getLogger(__name__)


class Worker(SimpleWorker):
    """An RQ worker that doesn't fork, so that each job can use the threads and connections of the job before it."""

    max_connection_wait_time = 2.0  # seconds between attempts to reach Redis
    stopping = False

    def perform_job(self, *args: Any, **kwargs: Any) -> Any:
        """Run a job with a database session of its own.

        A transaction that a job leaves open, or a restart of the database, can't affect the next job.
        """
        db.session.remove()
        try:
            return super().perform_job(*args, **kwargs)
        finally:
            db.session.remove()

    def get_heartbeat_ttl(self, job: Job, working_time: float = 0.0) -> int:
        """Return for how many seconds a heartbeat counts. A job that lasts longer sends more of them."""
        return HEARTBEAT_TTL_SECONDS

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        """Stop after the current job, even if Redis is not reachable."""
        self.stopping = True
        try:
            super().request_stop(signum, frame)  # type: ignore[no-untyped-call]
        except RedisError:
            self._stop_requested = True


def work(app: Flask, worker_class: type[Worker], queue: str) -> None:
    """Run an RQ worker on ``queue`` until SIGTERM or SIGINT. Start a new one after each outage of Redis."""
    connection: Any = Redis.from_url(app.config["REDIS_URL"])
    logging.getLogger("rq.worker").addFilter(_in_one_line)
    stopped = False
    while not stopped:
        wait_for_redis(connection)
        worker = worker_class([Queue(queue, connection=connection)], connection=connection)
        app.extensions["heartbeat"] = lambda worker=worker: _beat(worker)
        try:
            worker.work(logging_level="WARNING")
            stopped = True
        except RedisError as error:
            logger.warning("The connection to Redis was lost: %s", error)
            stopped = worker.stopping


def _beat(worker: Worker) -> None:
    """Tell RQ that the worker is alive, unless Redis is not reachable."""
    try:
        worker.heartbeat(HEARTBEAT_TTL_SECONDS)
    except RedisError as error:
        logger.info("No heartbeat could be sent: %s", error)


def _in_one_line(entry: logging.LogRecord) -> bool:
    """Drop the traceback of a Redis error, which only shows RQ's own code. Return True to keep the log entry."""
    if entry.exc_info and isinstance(entry.exc_info[1], RedisError):
        entry.exc_info = None
    return True
