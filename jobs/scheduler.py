"""The scheduler process: RQ's cron, which asks for a sweep every few seconds. ``python -m jobs.scheduler``."""

import logging
import os
import time

from redis import Redis, RedisError
from rq.cron import CronScheduler

from config import load
from jobs.bulk_action import RESUME_SECONDS, resume
from jobs.purge import purge_daily
from jobs.sweep import SWEEP_SECONDS, sweep
from jobs.wake import QUEUE, wait_for_redis
from webhooks_ui.die_with_parent import die_with_parent

PURGE_CRON = "0 2 * * *"  # daily at 02:00 UTC

logger = logging.getLogger(__name__)


def make_scheduler(redis: Redis) -> CronScheduler:
    """The schedule: all that the product does by the clock."""
    scheduler = CronScheduler(redis, logging_level="WARNING")
    scheduler.register(sweep, QUEUE, interval=SWEEP_SECONDS, ttl=5 * SWEEP_SECONDS, result_ttl=0, failure_ttl=3_600)
    scheduler.register(resume, QUEUE, interval=RESUME_SECONDS, ttl=RESUME_SECONDS, result_ttl=0, failure_ttl=3_600)
    scheduler.register(purge_daily, QUEUE, cron=PURGE_CRON, result_ttl=0, failure_ttl=3_600)
    return scheduler


def main() -> None:
    """Run until SIGTERM or SIGINT, also through times without Redis."""
    die_with_parent()
    os.environ["TZ"] = "UTC"  # RQ reads cron times in the local zone
    time.tzset()
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    redis = Redis.from_url(load()["REDIS_URL"])
    while True:
        wait_for_redis(redis)
        try:
            make_scheduler(redis).start()
            return
        except RedisError as error:
            logger.warning("Redis went away: %s", error)


if __name__ == "__main__":
    main()
