"""The scheduler process: RQ's cron asks for chores, and an RQ worker beside it does them. ``python -m jobs.scheduler``.

Chores are all that isn't delivering: sweep, bulk actions, notices by mail, purge. They have a worker of their own, so
that they delay no delivery, and no backlog of deliveries delays them.
"""

import logging
import os
import threading
import time

from redis import Redis, RedisError
from rq.cron import CronJob, CronScheduler
from rq.utils import now

from jobs.bulk_actions.batches import RESUME_SECONDS, resume
from jobs.chores.notify import NOTIFY_SECONDS, notify
from jobs.chores.purge import purge_daily
from jobs.rq_worker import Worker, work
from jobs.sweep import SWEEP_SECONDS, sweep
from webhooks_ui import create_app
from webhooks_ui.database.redis import wait_for_redis
from webhooks_ui.die_with_parent import die_with_parent
from webhooks_ui.wake import CHORES

PURGE_CRON = "0 2 * * *"  # daily at 02:00 UTC

logger = logging.getLogger(__name__)


class Cron(CronScheduler):
    """RQ's cron in a thread, through clocks that are set back and times without Redis."""

    def _install_signal_handlers(self) -> None:
        """Leave the signals to the worker, in the main thread."""

    def enqueue_jobs(self) -> list[CronJob]:
        """Enqueue what is due. By a clock that was set back, what was asked for "later than now" is due at once."""
        for job in self.get_jobs():
            if job.latest_enqueue_time and job.latest_enqueue_time > now():
                job.set_enqueue_time(now())
        return super().enqueue_jobs()

    def calculate_sleep_interval(self) -> float:
        """Seconds until the next look, never long: who knows what the clock does."""
        return float(min(super().calculate_sleep_interval(), SWEEP_SECONDS))


def make_cron(redis: Redis) -> Cron:
    """The schedule: all that the product does by the clock."""
    cron = Cron(redis, logging_level="WARNING")
    cron.register(sweep, CHORES, interval=SWEEP_SECONDS, ttl=5 * SWEEP_SECONDS, result_ttl=0, failure_ttl=3_600)
    cron.register(resume, CHORES, interval=RESUME_SECONDS, ttl=RESUME_SECONDS, result_ttl=0, failure_ttl=3_600)
    cron.register(notify, CHORES, interval=NOTIFY_SECONDS, ttl=NOTIFY_SECONDS, result_ttl=0, failure_ttl=3_600)
    cron.register(purge_daily, CHORES, cron=PURGE_CRON, result_ttl=0, failure_ttl=3_600)
    return cron


def ask_for_chores(redis: Redis) -> None:
    """Run the schedule for ever."""
    while True:
        wait_for_redis(redis)
        try:
            make_cron(redis).start()  # type: ignore[no-untyped-call]
        except RedisError as error:
            logger.warning("Redis went away: %s", error)


def main() -> None:
    """Ask for chores and do them, until SIGTERM or SIGINT."""
    die_with_parent()
    os.environ["TZ"] = "UTC"  # RQ reads cron times in the local zone
    time.tzset()
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    app = create_app(web=False)
    redis = Redis.from_url(app.config["REDIS_URL"])
    threading.Thread(target=ask_for_chores, args=(redis,), name="cron", daemon=True).start()
    with app.app_context():
        work(app, Worker, CHORES)


if __name__ == "__main__":
    main()
