"""The worker process: an RQ SimpleWorker on the one queue, in the app's context. ``python -m jobs.worker``."""

import logging
from types import FrameType
from typing import Any

from redis import Redis, RedisError
from rq import Queue, SimpleWorker
from sqlalchemy import Engine, event

from jobs import deliver
from jobs.wake import QUEUE, wait_for_redis
from webhooks_ui import create_app
from webhooks_ui.die_with_parent import die_with_parent
from webhooks_ui.extensions import db

SQLITE_CACHE_KIB = 4_096  # a worker reads each row once: pages are better kept by the system, for all of them together

logger = logging.getLogger(__name__)


class DeliveryWorker(SimpleWorker):
    """Doesn't fork: a job finds the threads and open connections of the one before it."""

    max_connection_wait_time = 2.0  # seconds between tries while Redis is away

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        deliver.stopping.set()
        super().request_stop(signum, frame)  # type: ignore[no-untyped-call]


def main() -> None:
    """Work until SIGTERM or SIGINT; then finish what is in flight and return the rest."""
    die_with_parent()
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    app = create_app(web=False)
    with app.app_context():
        _relax_commits(db.engine)
        connection: Any = Redis.from_url(app.config["REDIS_URL"])
        logging.getLogger("rq.worker").addFilter(_in_one_line)
        while not deliver.stopping.is_set():
            wait_for_redis(connection)
            _work(connection)


def _work(connection: Redis) -> None:
    """Be an RQ worker until it is stopped, or Redis goes away."""
    try:
        DeliveryWorker([Queue(QUEUE, connection=connection)], connection=connection).work(logging_level="WARNING")
    except RedisError as error:
        logger.warning("Redis went away: %s", error)


def _in_one_line(entry: logging.LogRecord) -> bool:
    """Of a Redis that went away, RQ need not show where in its code it noticed."""
    if entry.exc_info and isinstance(entry.exc_info[1], RedisError):
        entry.exc_info = None
    return True


def _relax_commits(engine: Engine) -> None:
    """Let a worker's commits reach the disk a moment later: what a power failure takes is only sent again."""

    @event.listens_for(engine, "connect")
    def relax(connection: Any, _record: Any) -> None:
        if engine.dialect.name == "sqlite":
            connection.execute("PRAGMA synchronous=NORMAL")
            connection.execute(f"PRAGMA cache_size=-{SQLITE_CACHE_KIB}")
        else:
            connection.execute("SET synchronous_commit TO off")
            connection.commit()


if __name__ == "__main__":
    main()
