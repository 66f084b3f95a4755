"""What our RQ workers share: they don't fork, leave no transaction open, and live through a Redis that goes away."""

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
    """Doesn't fork: a job finds the threads and open connections of the one before it."""

    max_connection_wait_time = 2.0  # seconds between tries while Redis is away
    stopping = False

    def perform_job(self, *args: Any, **kwargs: Any) -> Any:
        """Give each job a session of its own: what one leaves behind, or a server's restart, spoils no other."""
        db.session.remove()
        try:
            return super().perform_job(*args, **kwargs)
        finally:
            db.session.remove()

    def get_heartbeat_ttl(self, job: Job, working_time: float = 0.0) -> int:
        """Seconds; a job that lasts longer sends heartbeats."""
        return HEARTBEAT_TTL_SECONDS

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        """Stop after the present job, also when Redis can't be told."""
        self.stopping = True
        try:
            super().request_stop(signum, frame)  # type: ignore[no-untyped-call]
        except RedisError:
            self._stop_requested = True


def work(app: Flask, worker_class: type[Worker], queue: str) -> None:
    """Be an RQ worker on ``queue`` until SIGTERM or SIGINT, also through times without Redis."""
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
            logger.warning("Redis went away: %s", error)
            stopped = worker.stopping


def _beat(worker: Worker) -> None:
    """Tell RQ that the worker lives, if it can be told."""
    try:
        worker.heartbeat(HEARTBEAT_TTL_SECONDS)
    except RedisError as error:
        logger.info("No heartbeat: %s", error)


def _in_one_line(entry: logging.LogRecord) -> bool:
    """Of a Redis that went away, RQ need not show where in its code it noticed."""
    if entry.exc_info and isinstance(entry.exc_info[1], RedisError):
        entry.exc_info = None
    return True
